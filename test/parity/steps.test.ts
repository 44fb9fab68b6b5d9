import { expect, it } from "vitest";
import { fromArray } from "../../src/engine/make-tensor.js";
import { scope } from "../../src/engine/scope.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { PrototypeEstimator } from "../../src/losses/prototype-contrast.js";
import { AuaStage1 } from "../../src/methods/aua-stage1.js";
import { AuaStage2 } from "../../src/methods/aua-stage2.js";
import type { LossTerms, PatchBatch } from "../../src/methods/method.js";
import { SegmentationNetwork } from "../../src/models/segmentation-network.js";
import type { Noise } from "../../src/models/stochastic-head.js";
import { Sgd } from "../../src/nn/optimizer.js";
import { totalLoss } from "../../src/training/step.js";
import { describeGolden, expectClose, type Golden, relativeError } from "./golden.js";

/**
 * What is computed from a network's features carries the rounding of its 30 layers, which differs between processors and
 * libtorch versions; the losses alone are held to 1e-5 in losses.test.ts.
 */
const THROUGH_NETWORK = 1e-4;

const networkOf = (golden: Golden, state: string): SegmentationNetwork =>
  new SegmentationNetwork({
    classes: 2,
    filters: Number(golden.metadata.n_filters),
    rank: Number(golden.metadata.rank),
    normalization: "batch",
    dropout: 0,
    device: "cpu",
  }).loadState(new Map([...golden.state(state)].filter(([name]) => !name.startsWith("eps_"))));

function batchOf(golden: Golden, labeled: number): PatchBatch {
  const images = golden.tensor("image");
  const [, , d, h, w] = images.shape as [number, number, number, number, number];
  const labels = golden.raw("label").data as Uint8Array;
  const hostLabels = Array.from({ length: labeled }, (_, i) =>
    labels.slice(i * d * h * w, (i + 1) * d * h * w),
  );
  return {
    images,
    labeled,
    hostLabels,
    labels: fromArray(labels.slice(0, labeled * d * h * w), [labeled, d, h, w]).to("int64"),
    region: golden.tensor("mask").to("float32").unsqueeze(1),
  };
}

/** Parameters after a step: largest difference relative to the largest change that the step made. */
function expectStepped(network: SegmentationNetwork, golden: Golden, after: string, before: string): void {
  const state = network.stateDict();
  for (const [name, expected] of golden.state(after)) {
    const actual = state.get(name)!.to("float32").toFloat32Array();
    expect(relativeError(actual, expected.to("float32").toFloat32Array()), `${after}.${name}`).toBeLessThan(
      1e-4,
    );
  }
  const moved = [...golden.state(after).keys()].filter((name) => golden.has(`${before}.${name}`));
  expect(moved.length).toBeGreaterThan(0);
}

function step(network: SegmentationNetwork, terms: LossTerms, afterStep: () => void): Tensor {
  const optimizer = new Sgd(network.parameters(), { momentum: 0.9, weightDecay: 1e-4 });
  const total = totalLoss(terms);
  total.backward();
  optimizer.step(0.01);
  afterStep();
  return total;
}

describeGolden("stage1_step", (golden) => {
  const noise = (who: string): Noise => ({
    factor: golden.tensor(`${who}.eps_factor`).transpose(0, 1).contiguous(),
    diagonal: golden.tensor(`${who}.eps_diag`).transpose(0, 1).contiguous(),
  });
  const methodWith = (features: "per-voxel" | "published-order") =>
    new AuaStage1(
      networkOf(golden, "student"),
      networkOf(golden, "teacher"),
      {
        samples: Number(golden.metadata.mc_samples),
        consistency: { weight: 0.15, distance: "class-dice", rampUp: 6000 },
        emaDecay: 0.99,
        teacherNoise: 0.1,
        contrast: {
          weight: Number(golden.metadata.contrastive_weight),
          temperature: Number(golden.metadata.temperature),
          anchors: Number.POSITIVE_INFINITY,
          features,
        },
        uncertaintyMask: false,
      },
      {
        teacherNoise: () => golden.tensor("teacher_noise"),
        studentSamples: () => noise("student"),
        teacherSamples: () => noise("teacher"),
      },
    );
  const iteration = Number(golden.metadata.iteration);

  it("agrees in every term, in the parameters after the step and in the teacher", () => {
    scope(() => {
      const method = methodWith("published-order");
      const terms = method.losses(batchOf(golden, 2), iteration);
      expectClose(terms.likelihood!.value, golden, "loss.mc_integral_per_voxel", 1e-5);
      expectClose(terms.dice!.value, golden, "loss.dice", 1e-5);
      expectClose(terms.contrast!.value, golden, "loss.boundary_contrastive", THROUGH_NETWORK);
      expectClose(terms.consistency!.value, golden, "loss.consistency_distance", 1e-4);
      expect(relativeError([terms.consistency!.weight], golden.values("consistency_weight"))).toBeLessThan(
        1e-6,
      );
      const total = step(method.network, terms, () => method.afterStep(iteration));
      expectClose(total, golden, "loss", 1e-5);
      expectStepped(method.network, golden, "after.student", "student");
      expectStepped(method.teacher, golden, "after.teacher", "teacher");
    });
  });

  it("contrasts each voxel's own features by default", () => {
    scope(() => {
      const terms = methodWith("per-voxel").losses(batchOf(golden, 2), iteration);
      expectClose(terms.contrast!.value, golden, "loss.boundary_contrastive_rows", THROUGH_NETWORK);
    });
  });
});

describeGolden("stage2_step", (golden) => {
  it("agrees in every term, in the prototypes and in the parameters after the step", () => {
    scope(() => {
      const network = networkOf(golden, "student");
      const estimator = new PrototypeEstimator(2, network.options.filters, "cpu");
      estimator.mean.copy_(golden.tensor("prototype_before.mean"));
      estimator.variance.copy_(golden.tensor("prototype_before.covariance"));
      estimator.count.copy_(golden.tensor("prototype_before.amount"));
      const labeler = networkOf(golden, "student");
      // the reference gives the pseudo labels themselves: logits that have them as their argmax
      labeler.meanLogits = () => {
        const foreground = golden.tensor("pseudo_label").to("float32").unsqueeze(1);
        return foreground.sub(0.5).mul(fromArray(Float32Array.of(-1, 1), [1, 2, 1, 1, 1]));
      };
      const method = new AuaStage2(network, labeler, new Map([["features", estimator]]), {
        pseudoWeight: Number(golden.metadata.pseudo_weight),
        prototypeWeight: Number(golden.metadata.feature_weight),
        temperature: Number(golden.metadata.tau),
        ignoreBackground: golden.metadata.ignore_label === "0",
        prototypeUpdates: "while-training",
      });
      const terms = method.losses(batchOf(golden, 2));
      expectClose(terms.supervised!.value, golden, "loss.supervised", 1e-5);
      expectClose(terms.pseudo!.value, golden, "loss.pseudo", 1e-5);
      expectClose(terms.prototype!.value, golden, "loss.prototype_contrastive", 1e-5);
      expectClose(estimator.mean, golden, "prototype_after.mean", THROUGH_NETWORK);
      expectClose(estimator.variance, golden, "prototype_after.covariance", THROUGH_NETWORK);
      expectClose(estimator.count, golden, "prototype_after.amount", 1e-5);
      expectClose(
        step(network, terms, () => {}),
        golden,
        "loss",
        1e-5,
      );
      expectStepped(network, golden, "after.student", "student");
    });
  });
});
