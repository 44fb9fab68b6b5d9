import { beforeEach, describe, expect, it } from "vitest";
import { noGrad } from "../engine/autograd.js";
import { cat, fromArray, full, zeros } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { drawNoise, type LogitDistribution, type Noise } from "../models/stochastic-head.js";
import { Sgd } from "../nn/optimizer.js";
import { AuaStage1 } from "./aua-stage1.js";
import { supervisedLoss } from "./supervised.js";
import { SIDE, stage1Options, tinyBatch, tinyNetwork, tinyStage1 } from "./tiny-task.testing.js";
import { confidentVoxels } from "./uncertainty-mask.js";

const numbers = (x: Tensor) => [...x.toFloat32Array()];
const NAME = "out_conv.weight";
beforeEach(() => seedGenerators(3), 60_000);

describe("the teacher", () => {
  it.each([
    [0, 0], // becomes the student
    [3, 0.75],
    [500, 0.99],
  ])("after iteration %i keeps %d of itself and takes the rest from the student", (iteration, decay) => {
    scope(() => {
      const method = tinyStage1();
      const before = numbers(method.teacher.parameters().get(NAME)!);
      noGrad(() => method.network.parameters().get(NAME)!.fill_(2));
      method.afterStep(iteration);
      const after = numbers(method.teacher.parameters().get(NAME)!);
      expect(after).toEqual(before.map((v) => expect.closeTo(decay * v + (1 - decay) * 2, 5)));
      expect(new Set(numbers(method.network.parameters().get(NAME)!))).toEqual(new Set([2]));
      method.dispose();
    });
  });

  it("has running statistics of its own, from the unlabeled images it saw", () => {
    scope(() => {
      const method = tinyStage1();
      const batch = tinyBatch();
      const shifted = {
        ...batch,
        images: cat([batch.images.slice(0, 0, 2), full([2, 1, 16, 16, 16], 5)], 0),
      };
      const statistics = (network: typeof method.teacher) =>
        numbers(network.buffers().get("block_one.conv.1.running_mean")!);
      method.losses(shifted, 0);
      method.afterStep(0);
      expect(statistics(method.teacher)).not.toEqual(statistics(method.network));
      expect(numbers(method.teacher.parameters().get(NAME)!)).toEqual(
        numbers(method.network.parameters().get(NAME)!),
      );
      method.dispose();
    });
  });
});

describe("the terms", () => {
  it("have the configured weights, consistency on its ramp", () => {
    scope(() => {
      const method = tinyStage1();
      const weights = (iteration: number) =>
        Object.fromEntries(
          Object.entries(method.losses(tinyBatch(), iteration)).map(([name, { weight }]) => [name, weight]),
        );
      expect(weights(5)).toEqual({
        likelihood: 0.5,
        dice: 0.5,
        contrast: 0.1,
        consistency: expect.closeTo(0.5 * 0.2865, 4),
      });
      expect(weights(10).consistency).toBe(0.5);
      method.dispose();
    });
  });

  it("are left out where their weight is 0, or where nothing is unlabeled or has a boundary", () => {
    scope(() => {
      const names = (options: Parameters<typeof tinyStage1>[1], batch = tinyBatch()) => {
        const method = tinyStage1(2, options);
        const found = Object.keys(method.losses(batch, 0));
        method.dispose();
        return found;
      };
      const noContrast = { contrast: { ...stage1Options.contrast, weight: 0 } };
      const noConsistency = { consistency: { ...stage1Options.consistency, weight: 0 } };
      expect(names(noContrast)).toEqual(["likelihood", "dice", "consistency"]);
      expect(names(noConsistency)).toEqual(["likelihood", "dice", "contrast"]);
      expect(names({}, tinyBatch(2, 2, 0))).toEqual(["likelihood", "dice", "contrast"]);
      const empty = [0, 1].map(() => new Uint8Array(SIDE ** 3));
      const flat = { ...tinyBatch(), hostLabels: empty, labels: zeros([2, 16, 16, 16], { dtype: "int64" }) };
      expect(names({}, flat)).toEqual(["likelihood", "dice", "consistency"]);
    });
  });

  it("send no gradient to the covariance outside the region, and some inside", () => {
    scope(() => {
      const reached = (region: number) => {
        const method = tinyStage1();
        const { likelihood } = method.losses(tinyBatch(2, 2, 2, region), 3);
        likelihood!.value.backward();
        const grad = (name: string) => method.network.parameters().get(name)!.grad!.square().sum().item();
        return [grad("cov_factor_l.weight"), grad("log_cov_diag_l.weight")];
      };
      expect(reached(0)).toEqual([0, 0]);
      for (const gradient of reached(1)) expect(gradient).toBeGreaterThan(0);
    });
  });

  it("without a region leave the likelihood of the mean logits: sure of nothing but them", () => {
    scope(() => {
      const method = tinyStage1();
      const batch = tinyBatch(2, 2, 2, 0);
      const terms = method.losses(batch, 3);
      const mean = method.network.meanLogits(method.network.embed(batch.images)).slice(0, 0, 2);
      const crossEntropyAndDice = supervisedLoss(mean, batch.labels).item();
      const ours = terms.likelihood!.value.item() / 2 + terms.dice!.value.item() / 2;
      expect(ours).toBeCloseTo(crossEntropyAndDice, 2); // a deviation of sqrt(1e-5) per voxel is left
      method.dispose();
    });
  });
});

describe("the uncertainty mask", () => {
  const images = zeros([1, 1, 16, 16, 16]);
  const still = { teacherNoise: (x: Tensor) => zeros(x.shape) };
  /** A teacher that gives voxel 0 odds of 50 to 1, voxel 1 of 1.5 to 1, and doubts all others. */
  const teacher = (() => {
    const network = tinyNetwork();
    const logits = new Float32Array(2 * 16 ** 3);
    logits[0] = Math.log(50);
    logits[1] = Math.log(1.5);
    network.meanLogits = () => fromArray(logits, [1, 2, 16, 16, 16]);
    return network;
  })();

  it("keeps voxels under a threshold that rises from 0.75·ln 2 to ln 2", () => {
    const kept = (iteration: number) => {
      const mask = confidentVoxels(teacher, images, still, { iteration, length: 10 });
      expect(mask.shape).toEqual([1, 1, 16, 16, 16]);
      return numbers(mask).slice(0, 3);
    };
    // entropies: 0.097, 0.673 and ln 2 = 0.693; thresholds: 0.521 and ln 2
    expect(kept(0)).toEqual([1, 0, 0]);
    expect(kept(10).slice(0, 2)).toEqual([1, 1]);
  });

  it("counts the voxels that the teacher is sure of, and no others", () => {
    scope(() => {
      const sure = 300;
      const logits = new Float32Array(2 * SIDE ** 3).fill(9, 0, sure);
      const noNoise = (distribution: LogitDistribution, samples: number): Noise => {
        const { factor, diagonal } = drawNoise(distribution, samples);
        return { factor: factor.mul(0), diagonal: diagonal.mul(0) };
      };
      const draws = { ...still, studentSamples: noNoise, teacherSamples: noNoise };
      const method = new AuaStage1(
        tinyNetwork(),
        tinyNetwork(),
        { ...stage1Options, uncertaintyMask: true },
        draws,
      );
      const batch = tinyBatch(2, 2, 1);
      const own = method.network.meanLogits(method.network.embed(batch.images)).slice(0, 2, 3);
      const theirs = method.teacher.meanLogits(method.teacher.embed(batch.images.slice(0, 2, 3)));
      const flat = (x: Tensor) => x.softmax(1).reshape([2, -1]).slice(1, 0, sure);
      const [a, b] = [flat(own), flat(theirs)];
      const dice = a
        .mul(b)
        .sum([1])
        .mul(2)
        .div(
          a
            .square()
            .sum([1])
            .add(b.square().sum([1])),
        );
      method.teacher.meanLogits = () => fromArray(logits, [1, 2, SIDE, SIDE, SIDE]);
      const { consistency } = method.losses(batch, 0);
      expect(consistency!.value.item()).toBeCloseTo(2 * (1 - dice.mean().item()), 5); // samples of each side are alike
      expect(dice.mean().item()).toBeLessThan(0.999);
      method.dispose();
    });
  });

  it("looks at eight noisy passes and leaves no consistency where all is in doubt", () => {
    scope(() => {
      const method = tinyStage1(2, { uncertaintyMask: true });
      let passes = 0;
      method.teacher.meanLogits = (z) => {
        passes++;
        return zeros([z.shape[0]!, 2, 16, 16, 16]);
      };
      const { consistency } = method.losses(tinyBatch(), 0);
      expect(passes).toBe(8);
      expect(Math.abs(consistency!.value.item())).toBeLessThan(1e-5);
      method.dispose();
    });
  });
});

it("a step moves every part of the student, heads included", () => {
  scope(() => {
    const method = tinyStage1();
    const before = new Map([...method.network.parameters()].map(([name, p]) => [name, numbers(p)]));
    const optimizer = new Sgd(method.network.parameters(), { momentum: 0, weightDecay: 0 });
    const terms = Object.values(method.losses(tinyBatch(), 10));
    terms
      .map(({ value, weight }) => value.mul(weight))
      .reduce((sum, term) => sum.add(term))
      .backward();
    optimizer.step(1);
    for (const part of [
      "head.conv",
      "mean_l",
      "log_cov_diag_l",
      "cov_factor_l",
      "block_one.",
      "block_five",
    ]) {
      const names = [...before.keys()].filter((name) => name.startsWith(part));
      const moved = names.filter(
        (name) => numbers(method.network.parameters().get(name)!).join() !== before.get(name)!.join(),
      );
      expect(moved.length, part).toBeGreaterThan(0);
    }
    method.dispose();
  });
});
