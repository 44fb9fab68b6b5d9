import { expect, it } from "vitest";
import { expectGradient, wave } from "../engine/finite-differences.testing.js";
import { fromArray } from "../engine/make-tensor.js";
import { monteCarloLikelihoodLoss } from "./monte-carlo-likelihood.js";

const labels = fromArray(BigInt64Array.of(1n, 0n, 2n, 2n, 1n, 0n), [2, 3]);

it("is minus the log of the mean likelihood, per voxel", () => {
  // one image, one voxel, label 1; two samples give it 0.9 and 0.3
  const odds = (p: number) => Math.log(p / (1 - p));
  const samples = fromArray(Float64Array.of(0, odds(0.9), 0, odds(0.3)), [1, 2, 2, 1]);
  const loss = monteCarloLikelihoodLoss(samples, fromArray(BigInt64Array.of(1n), [1, 1]));
  expect(loss.item()).toBeCloseTo(-Math.log((0.9 + 0.3) / 2), 6);
});

it("multiplies likelihoods over voxels before it takes the mean over samples", () => {
  const odds = (p: number) => Math.log(p / (1 - p));
  // two voxels: sample 1 gives 0.9 and 0.8, sample 2 gives 0.2 and 0.5
  const samples = fromArray(
    Float64Array.of(0, 0, odds(0.9), odds(0.8), 0, 0, odds(0.2), odds(0.5)),
    [1, 2, 2, 2],
  );
  const loss = monteCarloLikelihoodLoss(samples, fromArray(BigInt64Array.of(1n, 1n), [1, 2]));
  expect(loss.item()).toBeCloseTo(-Math.log((0.72 + 0.1) / 2) / 2, 6);
});

it("is the cross-entropy for one sample", () => {
  const samples = fromArray(new Float64Array(2 * 3 * 3), [2, 1, 3, 3]); // three equal classes
  expect(monteCarloLikelihoodLoss(samples, labels).item()).toBeCloseTo(Math.log(3), 6);
});

it("does not underflow over many voxels", () => {
  const v = 4000;
  const samples = fromArray(
    Float32Array.from({ length: 4 * v }, () => 0),
    [1, 2, 2, v],
  ); // likelihood 2^-4000
  const loss = monteCarloLikelihoodLoss(samples, fromArray(new BigInt64Array(v), [1, v]));
  expect(loss.item()).toBeCloseTo(Math.log(2), 5);
});

it("agrees with finite differences", () => {
  expectGradient((x) => monteCarloLikelihoodLoss(x, labels), [2, 4, 3, 3], wave(72));
});

it.each([7, -1, 1e9, 2 ** 40])("refuses %d as a label of two classes", (label) => {
  const one = fromArray(BigInt64Array.of(0n, BigInt(label)), [1, 2]);
  for (const samples of [new Float32Array(8), new Float64Array(8)])
    expect(() => monteCarloLikelihoodLoss(fromArray(samples, [1, 2, 2, 2]), one)).toThrow(
      `label_log_likelihood: label ${label} is no class; expected 0 to 1`,
    );
});

it("refuses labels of fractions", () => {
  const samples = fromArray(new Float32Array(8), [1, 2, 2, 2]);
  expect(() => monteCarloLikelihoodLoss(samples, fromArray(new Float32Array(2), [1, 2]))).toThrow(
    /label_log_likelihood wants labels of whole numbers, int64, got Float/,
  );
});
