import { beforeEach, describe, expect, it } from "vitest";
import { noGrad } from "../engine/autograd.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { PrototypeEstimation } from "./prototype-estimation.js";
import { supervisedLoss } from "./supervised.js";
import { fingerprint, SIDE, tinyBatch, tinyNetwork, tinyStage2 } from "./tiny-task.testing.js";

const numbers = (x: Tensor) => [...x.toFloat32Array()];
/** [B,K,...] -> rows [B·V,K]: each voxel's own vector */
const voxelRows = (x: Tensor) =>
  x.reshape([x.shape[0]!, x.shape[1]!, -1]).transpose(1, 2).reshape([-1, x.shape[1]!]);
beforeEach(() => seedGenerators(3), 60_000);

describe("AuaStage2", () => {
  it("takes the labeler's classes for the unlabeled patches' labels", () => {
    scope(() => {
      const method = tinyStage2(3);
      const batch = tinyBatch(3);
      const pseudo = noGrad(() => {
        const { labeler } = method;
        return labeler.meanLogits(labeler.embed(batch.images.slice(0, 2, 4))).argmax(1);
      });
      const logits = method.network.meanLogits(method.network.embed(batch.images));
      const terms = method.losses(batch);
      expect(terms.pseudo!.value.item()).toBeCloseTo(supervisedLoss(logits.slice(0, 2, 4), pseudo).item(), 5);
      expect(terms.supervised!.value.item()).toBeCloseTo(
        supervisedLoss(logits.slice(0, 0, 2), batch.labels).item(),
        5,
      );
      method.dispose();
    });
  });

  it("leaves the labeler as it was, running statistics included", () => {
    scope(() => {
      const method = tinyStage2();
      const state = () => fingerprint(method.labeler.stateDict());
      const before = state();
      const terms = Object.values(method.losses(tinyBatch()));
      terms
        .map(({ value }) => value)
        .reduce((sum, value) => sum.add(value))
        .backward();
      method.afterStep(1);
      expect(state()).toEqual(before);
      expect(method.labeler.training).toBe(false);
      method.dispose();
    });
  });

  it("goes on counting prototypes, from labeled patches only, before it uses them", () => {
    scope(() => {
      const method = tinyStage2(3);
      method.losses(tinyBatch(3));
      const counts = numbers(method.estimators.get("features")!.count);
      expect(counts.reduce((sum, n) => sum + n)).toBe(2 * SIDE ** 3);
      for (const n of counts) expect(n).toBeGreaterThan(0);
      method.losses(tinyBatch(3));
      expect(numbers(method.estimators.get("features")!.count)).toEqual(counts.map((n) => 2 * n));
      method.dispose();
    });
  });

  it("has no pseudo labels without unlabeled patches and no contrast of weight 0", () => {
    scope(() => {
      const method = tinyStage2(2, { prototypeWeight: 0 });
      expect(Object.keys(method.losses(tinyBatch()))).toEqual(["supervised", "pseudo"]);
      const contrasted = tinyStage2();
      expect(Object.keys(contrasted.losses(tinyBatch(2, 2, 0)))).toEqual(["supervised", "prototype"]);
      method.dispose();
      contrasted.dispose();
    });
  });
});

describe("prototypes", () => {
  it("stay as stage 1 left them when they are frozen", () => {
    scope(() => {
      const method = tinyStage2(3, { prototypeUpdates: "frozen" });
      method.losses(tinyBatch(3));
      expect(method.estimators.get("features")!.count.sum().item()).toBe(0);
      method.dispose();
    });
  });

  it("of outputs are of the mean logits, in estimation as in stage 2", () => {
    scope(() => {
      const estimation = new PrototypeEstimation(tinyNetwork(3), "both");
      const batch = tinyBatch(3, 2, 0);
      estimation.losses(batch);
      const { network, estimators } = estimation;
      const logits = numbers(voxelRows(network.meanLogits(network.embed(batch.images))));
      const own = batch.hostLabels.flatMap((map) => [...map]).flatMap((label, i) => (label === 2 ? [i] : []));
      const mean = [0, 1, 2].map((k) => own.reduce((sum, i) => sum + logits[3 * i + k]!, 0) / own.length);
      expect(numbers(estimators.get("outputs")!.mean).slice(6)).toEqual(
        mean.map((m) => expect.closeTo(m, 4)),
      );
      expect([...estimation.state().keys()].filter((name) => /rototypes/.test(name))).toEqual(
        ["prototypes", "outputPrototypes"].flatMap((name) =>
          ["mean", "variance", "count"].map((part) => `${name}.${part}`),
        ),
      );
      const stage2 = tinyStage2(3, {}, "outputs");
      expect(Object.keys(stage2.losses(tinyBatch(3)))).toEqual(["supervised", "pseudo", "outputPrototype"]);
      expect(stage2.estimators.get("outputs")!.channels).toBe(3);
      estimation.dispose();
      stage2.dispose();
    });
  });
});

describe("PrototypeEstimation", () => {
  it("sums up the embedding of labeled patches in evaluation mode, and changes nothing", () => {
    scope(() => {
      const method = new PrototypeEstimation(tinyNetwork(3));
      const before = fingerprint(method.network.stateDict());
      const batch = tinyBatch(3, 2, 0);
      expect(method.losses(batch)).toEqual({});
      const rows = numbers(voxelRows(method.network.embed(batch.images)));
      const labels = batch.hostLabels.flatMap((map) => [...map]);
      const mean = [0, 1, 2].flatMap((c) => {
        const own = labels.flatMap((label, i) => (label === c ? [i] : []));
        return [0, 1].map((k) => own.reduce((sum, i) => sum + rows[2 * i + k]!, 0) / own.length);
      });
      expect(numbers(method.estimators.get("features")!.mean)).toEqual(mean.map((m) => expect.closeTo(m, 4)));
      expect(fingerprint(method.network.stateDict())).toEqual(before);
      method.dispose();
    });
  });
});
