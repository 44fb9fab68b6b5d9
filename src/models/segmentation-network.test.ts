import { describe, expect, it } from "vitest";
import { noGrad } from "../engine/autograd.js";
import { wave } from "../engine/finite-differences.testing.js";
import { memoryFigures } from "../engine/libtorch.js";
import { fromArray, randn, zeros } from "../engine/make-tensor.js";
import { withPrecision } from "../engine/precision.js";
import { seedGenerators } from "../engine/random.js";
import { Recomputation } from "../engine/recompute.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { Normalization } from "../nn/norm.js";
import { type NetworkOptions, SegmentationNetwork } from "./segmentation-network.js";
import { drawNoise, logitDistribution, moments, sampleLogits } from "./stochastic-head.js";
import { distributionOf } from "./stochastic-head.testing.js";

const tiny: NetworkOptions = {
  classes: 3,
  filters: 2,
  rank: 2,
  normalization: "batch",
  dropout: 0,
  device: "cpu",
};
const tensor = (values: number[], shape: number[]) => fromArray(Float32Array.from(values), shape);
const numbers = (x: Tensor) => [...x.toFloat32Array()];
const close = (values: readonly number[], digits = 5) => values.map((v) => expect.closeTo(v, digits));

describe("SegmentationNetwork", () => {
  it.each<Normalization>(["batch", "instance", "group", "none"])(
    "runs in bfloat16 both ways with %s normalization, near to float32",
    (normalization) => {
      scope(() => {
        seedGenerators(1);
        const network = new SegmentationNetwork({ ...tiny, filters: 16, normalization });
        const x = tensor([...wave(2 * 32 * 16 * 16, 1)], [2, 1, 32, 16, 16]);
        const logits = (precision: "fp32" | "bf16") =>
          withPrecision(precision, "cpu", () => network.meanLogits(network.embed(x)));
        const [exact, coarse] = [logits("fp32"), logits("bf16")];
        coarse.mul(coarse).mean().backward();
        const power = (y: Tensor) => y.mul(y).mean().item();
        expect(power(coarse.sub(exact)) / power(exact)).toBeLessThan(0.2); // 2 of what has nothing to do with it
        for (const [name, p] of network.parameters())
          if (p.grad !== null) expect(p.grad.isFinite().all().item(), name).toBe(1);
      });
    },
  );

  it("has 9,450,260 parameters as published", () => {
    scope(() => {
      const network = new SegmentationNetwork({ ...tiny, classes: 2, filters: 16, rank: 8 });
      const count = [...network.parameters().values()].reduce((sum, p) => sum + p.numel(), 0);
      expect(count).toBe(9_450_260);
      network.dispose();
    });
  });

  it("gives embedding, logits, distribution and unit features of the image's size", () => {
    scope(() => {
      const network = new SegmentationNetwork(tiny);
      const z = network.embed(randn([2, 1, 16, 32, 16]));
      expect(z.shape).toEqual([2, 2, 16, 32, 16]);
      expect(network.meanLogits(z).shape).toEqual([2, 3, 16, 32, 16]);
      const { mean, diagonal, factor } = moments(network.distribution(z, null));
      expect(numbers(mean)).toEqual(numbers(network.meanLogits(z)));
      expect(diagonal.shape).toEqual([2, 3, 16, 32, 16]);
      expect(factor.shape).toEqual([2, 6, 16, 32, 16]);
      const lengths = numbers(network.features(z).square().sum([1]));
      expect(Math.max(...lengths.map((l) => Math.abs(l - 1)))).toBeLessThan(1e-5);
    });
  });

  it.each([1, 5])(
    "has the same gradients and statistics when %i levels are found again",
    (recomputeLevels) => {
      scope(() => {
        const images = tensor(wave(2 * 16 ** 3), [2, 1, 16, 16, 16]);
        const plain = new SegmentationNetwork({ ...tiny, normalization: "batch", dropout: 0 });
        const results = [0, recomputeLevels].map((levels) => {
          const options = { ...plain.options, recomputeLevels: levels };
          const network = new SegmentationNetwork(options).loadState(plain.stateDict());
          const pass = new Recomputation();
          pass.backward(pass.run(() => network.meanLogits(network.embed(images)).square().sum()));
          const { weight, mean } = Object.fromEntries([
            ["weight", network.parameters().get("block_one.conv.0.weight")!.grad!],
            ["mean", network.buffers().get("block_nine.conv.1.running_mean")!],
          ]);
          return [...numbers(weight!), ...numbers(mean!)];
        });
        const largest = Math.max(...results[0]!.map(Math.abs));
        for (const [i, value] of results[0]!.entries())
          expect(Math.abs(results[1]![i]! - value) / largest).toBeLessThan(1e-5);
      });
    },
  );

  it("sees each slice by itself in two dimensions, with the same names of weights", () => {
    scope(() =>
      noGrad(() => {
        const network = new SegmentationNetwork({ ...tiny, inChannels: 2, dimensions: 2 }).evaluate();
        const cube = new SegmentationNetwork({ ...tiny, inChannels: 2 });
        const [names, inCube] = [network, cube].map((one) => [...one.stateDict().keys()]);
        expect(names).toEqual(inCube);
        const shapes = ["block_one.conv.0", "block_one_dw.conv.0", "block_five_up.conv.0", "mean_l"].map(
          (name) => network.stateDict().get(`${name}.weight`)!.shape,
        );
        expect(shapes).toEqual([
          [2, 2, 1, 3, 3],
          [4, 2, 1, 2, 2],
          [32, 16, 1, 2, 2],
          [3, 2, 1, 1, 1],
        ]);
        const images = tensor(wave(2 * 3 * 16 * 32), [1, 2, 3, 16, 32]);
        const z = network.embed(images);
        expect(z.shape).toEqual([1, 2, 3, 16, 32]);
        for (const slice of [0, 1, 2]) {
          const alone = network.embed(images.slice(2, slice, slice + 1).contiguous());
          expect(numbers(z.slice(2, slice, slice + 1).contiguous())).toEqual(close(numbers(alone), 4));
        }
        expect(() => network.embed(zeros([1, 2, 1, 16, 24]))).toThrow("its last two sizes");
      }),
    );
  });

  it("refuses an image that five levels can't halve", () => {
    const network = new SegmentationNetwork(tiny);
    expect(() => network.embed(zeros([1, 1, 16, 16, 24]))).toThrow("[1,1,16,16,24]; its last three sizes");
  });

  it.each(["batch", "instance", "none"] as Normalization[])(
    "treats each image for itself in evaluation mode (%s)",
    (normalization) => {
      scope(() =>
        noGrad(() => {
          const network = new SegmentationNetwork({ ...tiny, normalization, dropout: 0.5 }).evaluate();
          const images = tensor(wave(2 * 16 ** 3), [2, 1, 16, 16, 16]);
          const both = numbers(network.embed(images));
          const each = [0, 1].flatMap((i) => numbers(network.embed(images.slice(0, i, i + 1))));
          const worst = both.reduce((most, v, i) => Math.max(most, Math.abs(v - each[i]!)), 0);
          // instance normalization of the few deepest voxels makes rounding of 1e-4; another image's influence is of order 1
          expect(worst).toBeLessThan(1e-3);
        }),
      );
    },
  );

  it("draws other channels to drop each time it trains", () => {
    const network = new SegmentationNetwork({ ...tiny, dropout: 0.5 });
    const image = tensor(wave(16 ** 3), [1, 1, 16, 16, 16]);
    const outputs = Array.from({ length: 8 }, () => numbers(network.embed(image)).join());
    expect(new Set(outputs).size).toBeGreaterThan(1);
  });

  it("leaves only its result behind", () => {
    scope(() => {
      const network = new SegmentationNetwork(tiny);
      const image = randn([1, 1, 16, 16, 16]);
      const before = memoryFigures().tensors;
      const z = network.embed(image);
      expect(memoryFigures().tensors).toBe(before + 1);
      network.distribution(z, null);
      expect(memoryFigures().tensors).toBe(before + 3);
    });
  });
});

describe("logitDistribution", () => {
  const two = (a: number, b: number) => tensor([a, b], [1, 1, 1, 1, 2]);
  const outputs = tensor([3, 4, 0, 1, 5, 6], [1, 3, 1, 1, 2]); // mean, logarithm of the diagonal, factor
  it("has nothing to doubt outside the region", () => {
    const { mean, diagonal, factor } = moments(logitDistribution(outputs, 1, two(0, 1)));
    expect(numbers(mean)).toEqual([3, 4]);
    expect(numbers(diagonal)).toEqual(close([1e-5, Math.E + 2e-5], 6));
    expect(numbers(factor)).toEqual([0, 6]);
  });
  it("doubts everywhere without a region", () => {
    const { diagonal, factor } = moments(logitDistribution(outputs, 1, null));
    expect(numbers(diagonal)).toEqual(close([1 + 2e-5, Math.E + 2e-5], 6));
    expect(numbers(factor)).toEqual([5, 6]);
  });
});

describe("sampleLogits", () => {
  it("is mean ± (factor·ε + sqrt(diagonal)·ε), plus first", () => {
    // one image, 2 classes, 1 voxel, rank 2 (slowest): factor [r1c1, r1c2, r2c1, r2c2]
    const at = (values: number[]) => tensor(values, [1, values.length, 1, 1, 1]);
    const distribution = distributionOf(at([10, 20]), at([4, 9]), at([1, 2, 3, 4]));
    const noise = { factor: tensor([1, -1], [1, 1, 2]), diagonal: tensor([0.5, 2], [1, 1, 2]) };
    // deviation: class 1: 1 - 3 + 2·0.5 = -1, class 2: 2 - 4 + 3·2 = 4
    const { mean, samples } = sampleLogits(distribution, noise);
    expect(numbers(mean)).toEqual([10, 20]);
    expect(samples.shape).toEqual([1, 2, 2, 1]);
    expect(numbers(samples)).toEqual(close([9, 24, 11, 16]));
  });

  it("scatters with the covariance factor·factorᵀ + diagonal", () => {
    scope(() => {
      const at = (values: number[]) => tensor(values, [1, values.length, 1, 1, 1]);
      const distribution = distributionOf(at([1, -1]), at([0.25, 1]), at([2, 1]));
      const drawn = sampleLogits(distribution, drawNoise(distribution, 40_000)).samples;
      const samples = drawn.reshape([40_000, 2]);
      expect(numbers(samples.mean([0]))).toEqual(close([1, -1], 3)); // pairs cancel out
      const d = samples.sub(tensor([1, -1], [1, 2]));
      const [xx, xy, , yy] = numbers(d.transpose(0, 1).matmul(d).div(40_000));
      expect([xx, xy, yy]).toEqual([4.25, 2, 2].map((v) => expect.closeTo(v, 0)));
    });
  });
});
