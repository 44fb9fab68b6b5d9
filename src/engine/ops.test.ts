import { describe, expect, it } from "vitest";
import type { DType } from "./dtype.js";
import { expectGradient, wave } from "./finite-differences.testing.js";
import { cat, fromArray, ones, rand, randn, zeros } from "./make-tensor.js";
import {
  batchNormRelu,
  channelDropout,
  conv3d,
  crossEntropy,
  instanceNormRelu,
  mostLikelyClass,
  oneHot,
  pointwiseConv,
  probabilityProducts,
  upConv2,
} from "./ops.js";
import { scope } from "./scope.js";
import { call, callOwn, callOwnMany, type Tensor } from "./tensor.js";

const tensor = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  fromArray(Float32Array.from(values), shape);
const numbers = (x: Tensor) => [...x.toFloat32Array()];
/** Largest difference relative to the largest expected magnitude. */
const difference = (actual: Tensor, expected: Tensor): number => {
  expect(actual.shape).toEqual(expected.shape);
  const [ours, theirs] = [numbers(actual), numbers(expected)];
  const largest = (values: number[]) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return largest(ours.map((v, i) => v - theirs[i]!)) / Math.max(largest(theirs), 1e-6);
};

interface Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
}
type NormRelu = (x: Tensor, layer: Layer, training: boolean) => Tensor;

const separate: NormRelu = (x, { weight, bias, runningMean, runningVar }, training) =>
  call("batch_norm", "", x, weight, bias, runningMean, runningVar, training, 0.1, 1e-5, false).relu();

const layer = (channels: number): Layer => ({
  weight: tensor(wave(channels, 1)).requireGrad(),
  bias: tensor(wave(channels, 2)).requireGrad(),
  runningMean: tensor(wave(channels, 3)),
  runningVar: tensor(wave(channels, 4).map((v) => v * v + 0.5)),
});

/** Output, gradients and running statistics of one forward and backward pass with a given gradient of the output. */
function pass(normRelu: NormRelu, x: Tensor, pull: Tensor, training: boolean): Record<string, Tensor> {
  const input = x.detach().requireGrad();
  const parameters = layer(x.shape[1]!);
  const y = normRelu(input, parameters, training);
  y.to("float32").mul(pull).sum().backward();
  const { weight, bias, runningMean, runningVar } = parameters;
  return { y, dx: input.grad!, dWeight: weight.grad!, dBias: bias.grad!, runningMean, runningVar };
}

function expectSame(x: Tensor, training: boolean, tolerance: number): void {
  const pull = tensor(wave(x.numel(), 5), x.shape);
  const [ours, theirs] = [pass(batchNormRelu, x, pull, training), pass(separate, x, pull, training)];
  for (const name of Object.keys(theirs)) {
    expect(difference(ours[name]!, theirs[name]!), name).toBeLessThan(tolerance);
  }
}

describe("batchNormRelu", () => {
  const shapes = [
    [5, 3, 1, 1, 1], // two values would be ±1 whatever they are, and have no gradient
    [1, 2, 1, 1, 7],
    [3, 5, 2, 3, 4],
    [2, 2, 3, 11, 31], // 1023 voxels
    [1, 3, 1, 32, 32],
    [2, 2, 5, 5, 41], // 1025
    [2, 4, 6],
    [1, 20, 16, 16, 8],
  ];
  const cases = shapes.flatMap((shape) => [true, false].map((training) => ({ shape, training })));

  it.each(cases)("is batch_norm and relu: $shape, training $training", ({ shape, training }) => {
    const count = shape.reduce((product, n) => product * n, 1);
    scope(() => expectSame(tensor(wave(count), shape), training, 1e-4));
  });

  it("lets a number that is none through, as libtorch's ReLU does, and keeps it out of the running statistics", () => {
    const x = tensor([1, Number.NaN, 2], [1, 1, 3]);
    for (const training of [true, false]) {
      const parameters = layer(1);
      expect(numbers(batchNormRelu(x, parameters, training))[1]).toBeNaN();
      expect(numbers(parameters.runningMean)[0]).not.toBeNaN();
      expect(numbers(parameters.runningVar)[0]).not.toBeNaN();
    }
  });

  it("normalizes a hand-computed channel", () => {
    // mean 2, variance 1 (biased), 4/3 (unbiased)
    const parameters = {
      weight: tensor([2]),
      bias: tensor([1]),
      runningMean: tensor([10]),
      runningVar: tensor([5]),
    };
    const x = tensor([1, 1, 3, 3], [1, 1, 4]);
    expect(numbers(batchNormRelu(x, parameters, true))).toEqual(
      [0, 0, 3, 3].map((v) => expect.closeTo(v, 4)),
    );
    expect(parameters.runningMean.item()).toBeCloseTo(0.9 * 10 + 0.1 * 2, 5);
    expect(parameters.runningVar.item()).toBeCloseTo(0.9 * 5 + (0.1 * 4) / 3, 5);
  });

  it("leaves the running statistics alone when not training", () => {
    const parameters = layer(2);
    const before = numbers(parameters.runningMean.add(parameters.runningVar));
    batchNormRelu(randn([1, 2, 5]), parameters, false);
    expect(numbers(parameters.runningMean.add(parameters.runningVar))).toEqual(before);
  });

  it.each([1e3, -1e3, 1e4])("stays exact far from zero: mean %d", (mean) => {
    scope(() => {
      const near = tensor(wave(2 * 2 * 2048), [2, 2, 2048]);
      const [shifted, centred] = [near.add(mean), near].map((x) =>
        pass(batchNormRelu, x, tensor(wave(x.numel(), 5), x.shape), true),
      ) as [Record<string, Tensor>, Record<string, Tensor>];
      const rounding = Math.abs(mean) * 2 ** -23; // of x itself, whose deviation is about 1
      expect(difference(shifted.y!, centred.y!)).toBeLessThan(4 * rounding);
      expect(difference(shifted.dWeight!, centred.dWeight!)).toBeLessThan(20 * rounding);
    });
  });

  it("takes and returns bfloat16, with statistics in float32", () => {
    scope(() => {
      const x = tensor(wave(2 * 3 * 1025), [2, 3, 1025]).to("bfloat16");
      const pull = tensor(wave(x.numel(), 5), x.shape);
      for (const training of [true, false]) {
        const ours = pass(batchNormRelu, x, pull, training);
        const exact = pass(separate, x.to("float32"), pull, training);
        expect(ours.y!.dtype).toBe("bfloat16");
        expect(ours.dx!.dtype).toBe("bfloat16");
        expect(difference(ours.y!, exact.y!)).toBeLessThan(2 ** -8);
        expect(difference(ours.dx!, exact.dx!)).toBeLessThan(2 ** -6);
        expect(difference(ours.dBias!, exact.dBias!)).toBeLessThan(0.02);
        expect(difference(ours.runningVar!, exact.runningVar!)).toBeLessThan(1e-5);
      }
    });
  });

  it("takes inputs and gradients that lie in another order", () => {
    scope(() => {
      const x = tensor(wave(2 * 3 * 4 * 5), [3, 5, 2, 4]).permute([2, 0, 3, 1]); // [2,3,4,5]
      expectSame(x, true, 1e-4);
      const turned = (normRelu: NormRelu) => {
        const input = x.contiguous().detach().requireGrad();
        const pull = tensor(wave(x.numel(), 5), [5, 4, 3, 2]);
        normRelu(input, layer(3), true).permute([3, 2, 1, 0]).mul(pull).sum().backward();
        return input.grad!;
      };
      expect(difference(turned(batchNormRelu), turned(separate))).toBeLessThan(1e-4);
      // a gradient without memory of its own: expanded from one number
      const ofSum = (normRelu: NormRelu) => {
        const parameters = layer(3);
        normRelu(x, parameters, true).sum().backward();
        return parameters.weight.grad!;
      };
      expect(difference(ofSum(batchNormRelu), ofSum(separate))).toBeLessThan(1e-4);
    });
  });

  it.each([true, false])("agrees with finite differences, training %s", (training) => {
    // biases far from 0, so that no step crosses the kink of ReLU
    const parameters = { ...layer(2), weight: tensor([1.5, -0.5]), bias: tensor([6, 3]) };
    const pull = tensor(wave(24, 5), [2, 2, 6]);
    const loss = (weight: Tensor, bias: Tensor) => (x: Tensor) => {
      const statistics = {
        runningMean: parameters.runningMean.clone(),
        runningVar: parameters.runningVar.clone(),
      };
      return batchNormRelu(x, { weight, bias, ...statistics }, training)
        .mul(pull)
        .sum();
    };
    const x = wave(24);
    expectGradient(loss(parameters.weight, parameters.bias), [2, 2, 6], x, { single: true, tolerance: 5e-3 });
    const given = tensor(x, [2, 2, 6]);
    expectGradient((w) => loss(w, parameters.bias)(given), [2], [1.5, -0.5], { single: true });
    expectGradient((b) => loss(parameters.weight, b)(given), [2], [6, 3], { single: true });
  });

  it("gives the same bits whatever the number of threads works on it, and twice", () => {
    scope(() => {
      const x = tensor(wave(4 * 8 * 1025), [4, 8, 1025]);
      const pull = tensor(wave(x.numel(), 5), x.shape);
      const [a, b] = [pass(batchNormRelu, x, pull, true), pass(batchNormRelu, x, pull, true)];
      for (const name of Object.keys(a)) expect(numbers(a[name]!), name).toEqual(numbers(b[name]!));
    });
  });

  it("refuses parameters of another length", () => {
    expect(() => batchNormRelu(randn([1, 2, 4]), layer(3), true)).toThrow("penumbra::batch_norm_relu");
  });
});

describe("upConv2", () => {
  it.each([
    [1, 1, 1, [1, 1, 1]],
    [2, 3, 4, [2, 3, 5]],
    [1, 8, 2, [4, 1, 3]],
  ])("is conv_transpose3d: batch %i, %i -> %i channels, %o", (b, i, o, space) => {
    scope(() => {
      const given = () => ({
        x: tensor(wave(b * i * space.reduce((p, n) => p * n, 1)), [b, i, ...space]).requireGrad(),
        weight: tensor(wave(i * o * 8, 1), [i, o, 2, 2, 2]).requireGrad(),
        bias: tensor(wave(o, 2)).requireGrad(),
      });
      const [ours, theirs] = [given(), given()];
      const two = [2, 2, 2];
      const y = upConv2(ours.x, ours.weight, ours.bias);
      const expected = call("conv_transpose3d", "input", theirs.x, theirs.weight, theirs.bias, two);
      expect(difference(y, expected)).toBeLessThan(1e-5);
      const pull = tensor(wave(y.numel(), 3), y.shape);
      for (const result of [y, expected]) result.mul(pull).sum().backward();
      for (const name of ["x", "weight", "bias"] as const) {
        expect(difference(ours[name].grad!, theirs[name].grad!), name).toBeLessThan(1e-5);
      }
    });
  });
});

describe("other layers", () => {
  it("conv3d adds up its window: 27 ones and a bias, 8 in a corner", () => {
    const y = conv3d(ones([1, 1, 3, 3, 3]), ones([1, 1, 3, 3, 3]), tensor([0.5]), 1, 1);
    expect(y.shape).toEqual([1, 1, 3, 3, 3]);
    expect([numbers(y)[0], numbers(y)[13]]).toEqual([8.5, 27.5]);
  });

  it.each(["float32", "bfloat16"] as const)(
    "instanceNormRelu is libtorch's instance_norm and ReLU: %s",
    (dtype) => {
      const values = tensor(wave(2 * 3 * 50), [2, 3, 2, 5, 5]).add(0.5);
      const [x, reference] = [values.to(dtype).requireGrad(), values.to(dtype).to("float32").requireGrad()];
      const ours = instanceNormRelu(x);
      const theirs = call(
        "instance_norm",
        "",
        reference,
        null,
        null,
        null,
        null,
        true,
        0.1,
        1e-5,
        true,
      ).relu();
      const tolerance = dtype === "float32" ? 1e-5 : 0.02;
      expect(difference(ours.to("float32"), theirs)).toBeLessThan(tolerance);
      for (const y of [ours.to("float32"), theirs])
        y.mul(tensor(wave(300, 2), [2, 3, 2, 5, 5]))
          .sum()
          .backward();
      expect(difference(x.grad!.to("float32"), reference.grad!)).toBeLessThan(tolerance);
    },
  );

  it("channelDropout keeps or drops whole channels and keeps the mean", () => {
    const y = channelDropout(ones([1, 4000, 2, 2, 2]), 0.25);
    const perChannel = numbers(y.sum([2, 3, 4]));
    const kept = perChannel.filter((sum) => sum > 0);
    for (const sum of kept) expect(sum).toBeCloseTo(8 / 0.75, 4);
    expect(Math.abs(kept.length / 4000 - 0.75)).toBeLessThan(0.04); // nearly six deviations
  });

  it("crossEntropy is ln of the odds, and leaves a class out", () => {
    const logits = tensor([0, Math.log(3), 0, 0], [2, 2]); // odds 1:3 and 1:1
    const target = fromArray(BigInt64Array.of(1n, 0n), [2]);
    expect(crossEntropy(logits, target).item()).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 5);
    expect(crossEntropy(logits, target, 0).item()).toBeCloseTo(Math.log(4 / 3), 5);
  });

  it("mostLikelyClass is argmax, the first of equals", () => {
    const scores = tensor([1, 5, 2, 2, 4, 2, 0, 4, 1], [1, 3, 3]);
    expect(mostLikelyClass(scores).toBigInt64Array()).toEqual(BigInt64Array.of(1n, 0n, 0n));
    const many = rand([3, 4, 50]);
    expect(numbers(mostLikelyClass(many))).toEqual(numbers(many.argmax(1)));
    expect(numbers(mostLikelyClass(many, 0))).toEqual(numbers(many.argmax(0)));
  });

  it("oneHot puts classes second", () => {
    const y = oneHot(fromArray(BigInt64Array.of(0n, 2n, 1n, 1n), [1, 2, 2]), 3);
    expect(y.shape).toEqual([1, 3, 2, 2]);
    expect(numbers(y)).toEqual([1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0]);
    expect(() => oneHot(fromArray(BigInt64Array.of(3n), [1]), 3)).toThrow("aten::one_hot");
  });
});

/** A result and the gradients of its weighted sum, of a kernel in float32 and of libtorch's operators in float64. */
function bothWays(body: (inputs: Tensor[]) => Tensor, inputs: readonly (readonly [number[], number[]])[]) {
  return (["float32", "float64"] as const).map((dtype) => {
    const tensors = inputs.map(([values, shape]) =>
      fromArray(Float64Array.from(values), shape).to(dtype).requireGrad(),
    );
    const result = body(tensors);
    const weights = fromArray(Float64Array.from(wave(result.numel(), 5)), result.shape).to(dtype);
    result.mul(weights).sum().backward();
    return [result, ...tensors.map(({ grad }) => grad ?? zeros([1]))].map((x) => x.detach().to("float32"));
  }) as [Tensor[], Tensor[]];
}

describe("the kernel agrees with libtorch's operators in value and gradients:", () => {
  it.each([
    [1, 2, 2, 8, 5], // images, pairs, classes, rank, voxels: less than a block
    [2, 3, 3, 4, 1500], // several blocks
  ])("sample_logits of %i images, %i pairs, %i classes, rank %i, %i voxels", (b, half, c, rank, v) => {
    scope(() => {
      const at = (values: number[], shape: number[]) => fromArray(Float64Array.from(values), shape);
      const noise = at(wave(b * half * rank, 1), [b, half, rank]);
      const draws = at(wave(b * half * c * v, 2), [b, half, c * v]);
      const region = at(
        Array.from({ length: b * v }, (_, i) => (i % 3 ? 1 : 0)),
        [b, 1, v],
      );
      const [ours, theirs] = bothWays(
        ([outputs]) => {
          const like = (x: Tensor) => x.to(outputs!.dtype);
          const given = [outputs!, like(region), like(noise), like(draws), c];
          const [mean, samples] = callOwnMany("sample_logits", ...given);
          return cat([samples!.reshape([-1]), mean!.reshape([-1])], 0);
        },
        [[wave(b * c * (2 + rank) * v, 3), [b, c * (2 + rank), v]]],
      );
      expect(ours[0]!.numel()).toBe(b * (2 * half + 1) * c * v);
      for (const [i, expected] of theirs.entries()) expect(difference(ours[i]!, expected)).toBeLessThan(1e-5);
    });
  });

  it.each([
    [2, 3, 2, 7], // samples of student and teacher, classes, voxels
    [6, 6, 3, 1000],
  ])("probabilityProducts of %i and %i samples, %i classes, %i voxels", (s, t, c, v) => {
    scope(() => {
      const [ours, theirs] = bothWays(
        ([student, teacher]) => probabilityProducts(student!, teacher!),
        [
          [wave(s * c * v, 1).map((x) => 3 * x), [s, c, v]],
          [wave(t * c * v, 2), [t, c, v]],
        ],
      );
      expect(ours[0]!.shape).toEqual([c, s + t, s + t]);
      for (const [i, expected] of theirs.entries()) expect(difference(ours[i]!, expected)).toBeLessThan(2e-5);
      expect(numbers(ours[2]!)).toEqual([0]); // the teacher has no gradient
    });
  });

  it.each([
    [1, 2, 2, 7],
    [2, 4, 3, 1000],
  ])("label_log_likelihood of %i images, %i samples, %i classes, %i voxels", (b, samples, c, v) => {
    scope(() => {
      const labels = fromArray(
        BigInt64Array.from({ length: b * v }, (_, i) => BigInt(i % c)),
        [b, v],
      );
      const [ours, theirs] = bothWays(
        ([logits]) => callOwn("label_log_likelihood", logits!.mul(20), labels),
        [[wave(b * samples * c * v), [b, samples, c, v]]],
      );
      expect(ours[0]!.shape).toEqual([b, samples]);
      for (const [i, expected] of theirs.entries()) expect(difference(ours[i]!, expected)).toBeLessThan(1e-5);
    });
  });

  it.each([
    [1, 2, 2, 7],
    [2, 5, 3, 2500], // several blocks, the last one not full
  ])("class_moments of %i images, %i channels, %i classes, %i voxels", (b, k, c, v) => {
    scope(() => {
      // the last class has no voxels, the first channel is far from zero
      const labels = fromArray(
        BigInt64Array.from({ length: b * v }, (_, i) => BigInt((i * i) % (c - 1))),
        [b, v],
      );
      const far = wave(b * k * v).map((x, i) => x + ((i / v) % k < 1 ? 1000 : 0));
      const features = fromArray(Float64Array.from(far), [b, k, v]);
      const of = (dtype: DType) => callOwnMany("class_moments", features.to(dtype), labels, c);
      const expected = of("float64");
      expect(expected.map(({ shape }) => shape)).toEqual([[c], [c, k], [c, k]]);
      expect(numbers(expected[0]!).at(-1)).toBe(0);
      for (const [i, ours] of of("float32").entries())
        expect(difference(ours, expected[i]!)).toBeLessThan(1e-4);
      const rounded = features.to("bfloat16");
      const ofRounded = callOwnMany("class_moments", rounded.to("float64"), labels, c);
      for (const [i, ours] of callOwnMany("class_moments", rounded, labels, c).entries())
        expect(difference(ours, ofRounded[i]!)).toBeLessThan(1e-4);
    });
  });

  it.each([
    [1, 3, 2, 7, false],
    [2, 16, 24, 600, true], // several blocks, the last one not full
  ])("pointwise_conv of %i images, %i -> %i channels, %i voxels, relu %s", (b, i, o, v, relu) => {
    scope(() => {
      const [ours, theirs] = bothWays(
        ([x, weight, bias]) => pointwiseConv(x!, weight!, bias!, relu),
        [
          [wave(b * i * v, 1), [b, i, 1, 1, v]],
          [wave(o * i, 2), [o, i, 1, 1, 1]],
          [wave(o, 3), [o]],
        ],
      );
      expect(ours[0]!.shape).toEqual([b, o, 1, 1, v]);
      for (const [at, expected] of theirs.entries())
        expect(difference(ours[at]!, expected)).toBeLessThan(2e-5);
    });
  });

  it("pointwise_conv takes bfloat16 and sends its gradient back in it", () => {
    const weight = tensor(wave(6, 1), [2, 3, 1, 1, 1]);
    const input = tensor(wave(15, 2), [1, 3, 1, 1, 5]).to("bfloat16").requireGrad();
    const exact = input.detach().to("float32").requireGrad();
    for (const x of [input, exact])
      pointwiseConv(x, weight, tensor([0.5, -0.5], [2]), true)
        .square()
        .sum()
        .backward();
    expect(input.grad!.dtype).toBe("bfloat16");
    expect(difference(input.grad!, exact.grad!)).toBeLessThan(0.05);
  });

  it("sample_logits refuses what is empty", () => {
    const none = [zeros([0, 6, 5]), zeros([0, 1, 5]), zeros([0, 1, 1]), zeros([0, 1, 10])] as const;
    expect(() => callOwnMany("sample_logits", ...none, 2)).toThrow(/outputs \[0, 6, 5\] are empty/);
  });

  it("sample_logits takes bfloat16 and sends its gradient back in it", () => {
    const outputs = tensor(wave(30), [1, 6, 5]).to("bfloat16").requireGrad();
    const exact = outputs.detach().to("float32").requireGrad();
    for (const x of [outputs, exact]) {
      const noise = [tensor(wave(2), [1, 2, 1]), tensor(wave(20), [1, 2, 10])];
      const [, samples] = callOwnMany("sample_logits", x, ones([1, 1, 5]), ...noise, 2);
      samples!.square().sum().backward();
    }
    expect(outputs.grad!.dtype).toBe("bfloat16");
    expect(difference(outputs.grad!, exact.grad!)).toBeLessThan(0.05);
  });
});
