import { beforeEach, describe, expect, it } from "vitest";
import { fromArray } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import { McNet, mutualConsistency } from "./mc-net.js";
import { mcNetOptions, tinyBatch, tinyDecoders, tinyNetwork } from "./tiny-task.testing.js";

beforeEach(() => seedGenerators(3), 60_000);

/** Logits of one voxel and two classes with this probability of the first. */
const voxel = (p: number) => fromArray(Float32Array.of(Math.log(p / (1 - p)), 0), [1, 2, 1, 1, 1]);
const sharp = (p: number, temperature: number) => {
  const [a, b] = [p ** (1 / temperature), (1 - p) ** (1 / temperature)];
  return a / (a + b);
};

describe("mutualConsistency", () => {
  it("is the mean squared difference to the others' sharpened probabilities over all ordered pairs", () => {
    const [p, q, t] = [0.8, 0.6, 0.5];
    scope(() => {
      const byHand = ((p - sharp(q, t)) ** 2 + (q - sharp(p, t)) ** 2) / 2; // the same in both classes
      expect(sharp(0.8, 0.5)).toBeCloseTo(0.64 / 0.68, 10);
      expect(mutualConsistency([voxel(p), voxel(q)], t).item()).toBeCloseTo(byHand, 6);
      const third = 0.3;
      const pairs = [p, q, third].flatMap((a, i) =>
        [p, q, third].flatMap((b, j) => (i === j ? [] : [(a - sharp(b, t)) ** 2])),
      );
      const mean = pairs.reduce((sum, v) => sum + v) / 6;
      expect(mutualConsistency([voxel(p), voxel(q), voxel(third)], t).item()).toBeCloseTo(mean, 6);
    });
  });

  it("moves a decoder towards the others' targets, which get no gradient", () => {
    scope(() => {
      const [a, b] = [voxel(0.9).requireGrad(), voxel(0.5).requireGrad()];
      mutualConsistency([a, b], 0.5).backward();
      // each pull is towards the other's sharpened probability, were it a constant: the mean over both directions of
      // d/dlogit (p - target)² = 2·(p - target)·p·(1 - p)
      const pull = (p: number, other: number) => (2 * (p - sharp(other, 0.5)) * p * (1 - p)) / 2;
      expect(a.grad!.toFloat32Array()[0]).toBeCloseTo(pull(0.9, 0.5), 5);
      expect(b.grad!.toFloat32Array()[0]).toBeCloseTo(pull(0.5, 0.9), 5);
    });
  });
});

describe("McNet", () => {
  it("trains the network and both decoders, which give different answers", () => {
    scope(() => {
      const method = new McNet(tinyNetwork(), tinyDecoders(), mcNetOptions);
      const levels = method.network.encode(tinyBatch().images);
      const [first, second] = method.decoders.map((decoder) => [...decoder.logits(levels).toFloat32Array()]);
      expect(first).not.toEqual(second);
      const { supervised, consistency } = method.losses(tinyBatch(), 10);
      expect(consistency!.weight).toBe(4);
      supervised!.value.add(consistency!.value).backward();
      const parameters = [...method.parameters()];
      expect(parameters).toHaveLength(
        method.network.parameters().size + 2 * method.decoders[0]!.parameters().size,
      );
      for (const name of [
        "decoder1.mean_l.weight",
        "decoder2.block_five_up.conv.1.weight",
        "block_one.conv.0.weight",
      ])
        expect(method.parameters().get(name)!.grad, name).not.toBeNull();
      method.dispose();
    });
  });

  it("decodes levels as it embeds images", () => {
    scope(() => {
      const network = tinyNetwork().evaluate();
      const { images } = tinyBatch();
      const [whole, parts] = [network.embed(images), network.embedLevels(network.encode(images))];
      expect([...parts.toFloat32Array()]).toEqual([...whole.toFloat32Array()]);
      network.dispose();
    });
  });
});
