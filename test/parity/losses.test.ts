import { expect, it } from "vitest";
import { fromArray } from "../../src/engine/make-tensor.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { boundaryMask, supervisedContrast } from "../../src/losses/boundary-contrast.js";
import { binaryDiceLoss } from "../../src/losses/dice.js";
import { type Distance, energyDistance } from "../../src/losses/energy-distance.js";
import { monteCarloLikelihoodLoss } from "../../src/losses/monte-carlo-likelihood.js";
import { PrototypeEstimator, prototypeContrast } from "../../src/losses/prototype-contrast.js";
import { drawNoise, sampleLogits } from "../../src/models/stochastic-head.js";
import { distributionOf } from "../../src/models/stochastic-head.testing.js";
import { sigmoidRampUp } from "../../src/nn/schedule.js";
import { describeGolden, energyTolerance, expectClose, relativeError } from "./golden.js";

const PUBLISHED_DISTANCES: Record<string, Distance> = {
  dice: "dice",
  cls_mean_dice: "class-dice",
  mse: "mse",
  kl: "kl-published",
};

const leaf = (tensor: Tensor): Tensor => tensor.requireGrad();

describeGolden("losses", (golden) => {
  it.each(Object.entries(PUBLISHED_DISTANCES))("energy distance %s", (name, distance) => {
    const student = leaf(golden.tensor("ged.samples_student_logits"));
    const energy = energyDistance(student, golden.tensor("ged.samples_teacher_logits"), distance);
    const diversities = ["student", "teacher"].map((who) => golden.number(`ged.${name}.diversity_${who}`));
    const tolerance = energyTolerance(golden.number(`ged.${name}`), diversities);
    expectClose(energy.distance, golden, `ged.${name}`, tolerance);
    expectClose(energy.diversityStudent, golden, `ged.${name}.diversity_student`, 1e-5);
    expectClose(energy.diversityTeacher, golden, `ged.${name}.diversity_teacher`, 1e-5);
    energy.distance.backward();
    expectClose(student.grad!, golden, `ged.${name}.grad`, 1e-4);
  });

  it("supervised contrast", () => {
    const features = leaf(golden.tensor("supcon.features"));
    const loss = supervisedContrast(features, golden.tensor("supcon.labels"), 0.07);
    expectClose(loss, golden, "supcon.loss", 1e-5);
    loss.backward();
    expectClose(features.grad!, golden, "supcon.grad", 1e-5);
  });

  it("boundary mask", () => {
    const { data, shape } = golden.raw("boundary.labels");
    const [b, d, h, w] = shape as [number, number, number, number];
    const labels = Uint8Array.from(data as BigInt64Array, Number);
    const mask = golden.raw("boundary.mask").data as Uint8Array;
    for (let i = 0; i < b; i++) {
      const [start, end] = [i * d * h * w, (i + 1) * d * h * w];
      expect(boundaryMask(labels.slice(start, end), [d, h, w])).toEqual(mask.slice(start, end));
    }
  });

  it("Monte-Carlo likelihood", () => {
    const logits = leaf(golden.tensor("mc_integral.sample_logits")); // [S,B,C,D,H,W]
    const [s, b, c] = logits.shape as [number, number, number];
    const samples = logits.transpose(0, 1).reshape([b, s, c, -1]);
    const loss = monteCarloLikelihoodLoss(samples, golden.tensor("mc_integral.labels").reshape([b, -1]));
    expectClose(loss, golden, "mc_integral.loss_per_voxel", 1e-5);
    loss.backward();
    // samples weigh by the softmax of sums over all voxels, and a float32 of a sum's size is that far from the next
    const ofSums = (golden.number("mc_integral.loss_per_voxel") * logits.numel()) / (s * b * c) / 2 ** 23;
    expectClose(logits.grad!, golden, "mc_integral.grad", 1e-4 + ofSums);
  });

  it("Dice", () => {
    const target = golden.tensor("dice.labels").eq(1).to("float32");
    expectClose(binaryDiceLoss(golden.tensor("dice.score"), target), golden, "dice.loss", 1e-5);
  });

  const prototypeLosses = golden.names("prototype.loss_");
  it("has prototype losses", () => expect(prototypeLosses.length).toBeGreaterThan(0));

  it.each(prototypeLosses)("%s", (name) => {
    const [, ignored, tau] = /ignore(\d+)_tau([\d.]+)$/.exec(name)!;
    const features = leaf(golden.tensor("prototype.features"));
    const prototypes = {
      mean: golden.tensor("prototype.mean"),
      variance: golden.tensor("prototype.covariance"),
    };
    const options = { temperature: Number(tau), ignoreClass: ignored === "255" ? null : Number(ignored) };
    const loss = prototypeContrast(features, golden.tensor("prototype.labels"), prototypes, options)!;
    expectClose(loss, golden, name, 1e-5);
    loss.backward();
    const gradient = name.replace("loss_", "grad_");
    if (golden.has(gradient)) expectClose(features.grad!, golden, gradient, 1e-4);
  });

  it("prototype estimator", () => {
    const [classes, channels] = golden.raw("estimator.0.mean").shape as [number, number];
    const estimator = new PrototypeEstimator(classes, channels, "cpu");
    for (let k = 0; golden.has(`estimator.${k}.mean`); k++) {
      estimator.update(golden.tensor(`estimator.${k}.features`), golden.tensor(`estimator.${k}.labels`));
      expectClose(estimator.mean, golden, `estimator.${k}.mean`, 1e-5);
      expectClose(estimator.variance, golden, `estimator.${k}.covariance`, 1e-5);
      expectClose(estimator.count, golden, `estimator.${k}.amount`, 1e-5);
    }
  });

  // of the six ramps in the file the methods use this one
  it("ramp-up", () => {
    const ramp = golden.values("ramp.at").map((at) => sigmoidRampUp(at, 40));
    expect(relativeError(ramp, golden.values("ramp.sigmoid_rampup_40"))).toBeLessThan(1e-9);
  });
});

describeGolden("sampling", (golden) => {
  it("antithetic samples", () => {
    const [mean, diagonal, factor] = ["logit_mean", "cov_diag", "cov_factor"].map((x) => golden.tensor(x));
    const distribution = distributionOf(mean!, diagonal!, factor!);
    const noise = {
      factor: golden.tensor("eps_factor").transpose(0, 1).contiguous(),
      diagonal: golden.tensor("eps_diag").transpose(0, 1).contiguous(),
    };
    const [s, b, c, d, h, w] = golden.raw("samples").shape as number[];
    const { samples } = sampleLogits(distribution, noise);
    expect(samples.shape).toEqual([b, s, c, d! * h! * w!]);
    expectClose(samples.transpose(0, 1).reshape([s!, b!, c!, d!, h!, w!]), golden, "samples", 1e-5);
  });

  it("samples have the distribution's mean and variance", () => {
    const one = fromArray(Float32Array.of(1, -2), [1, 2, 1, 1, 1]);
    const distribution = distributionOf(
      one,
      fromArray(Float32Array.of(0.25, 1), [1, 2, 1, 1, 1]),
      one.mul(0.5),
    );
    const noise = drawNoise(distribution, 40_000);
    const samples = sampleLogits(distribution, noise).samples.toFloat32Array();
    const [first, second] = [0, 1].map((c) => samples.filter((_, i) => i % 2 === c));
    const mean = (x: Float32Array) => x.reduce((sum, v) => sum + v, 0) / x.length;
    expect(mean(first!)).toBeCloseTo(1, 4);
    expect(mean(second!)).toBeCloseTo(-2, 4);
    expect(mean(first!.map((v) => (v - 1) ** 2))).toBeCloseTo(0.5, 1); // 0.25 + 0.5²
  });
});
