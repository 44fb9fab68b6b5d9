import { describe, expect, it } from "vitest";
import { expectGradient, wave } from "../engine/finite-differences.testing.js";
import { memoryFigures } from "../engine/libtorch.js";
import { fromArray } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { PrototypeEstimator, prototypeContrast } from "./prototype-contrast.js";

const rows = (values: readonly number[], k: number) =>
  fromArray(Float32Array.from(values), [values.length / k, k]);
const classes = (...labels: number[]) => fromArray(BigInt64Array.from(labels, BigInt), [labels.length]);
const numbers = (x: Tensor) => [...x.toFloat32Array()];
const close = (values: readonly number[]) => values.map((v) => expect.closeTo(v, 4));

describe("PrototypeEstimator", () => {
  it("counts, averages and takes each class's variance over all batches", () => {
    const estimator = new PrototypeEstimator(3, 2, "cpu");
    estimator.update(rows([1, 10, 3, 20, 5, 0], 2), classes(0, 0, 1));
    estimator.update(rows([8, 30, 7, 2], 2), classes(0, 1));
    // class 0: (1, 3, 8), (10, 20, 30); class 1: (5, 7), (0, 2); class 2: none
    expect(numbers(estimator.count)).toEqual([3, 2, 0]);
    expect(numbers(estimator.mean)).toEqual(close([4, 20, 6, 1, 0, 0]));
    expect(numbers(estimator.variance)).toEqual(close([26 / 3, 200 / 3, 1, 1, 0, 0]));
  });

  it("does not depend on how rows are cut into batches", () => {
    const values = wave(40);
    const labels = Array.from({ length: 20 }, (_, i) => i % 3);
    const statistics = (size: number) => {
      const estimator = new PrototypeEstimator(3, 2, "cpu");
      for (let i = 0; i < 20; i += size) {
        estimator.update(rows(values.slice(2 * i, 2 * (i + size)), 2), classes(...labels.slice(i, i + size)));
      }
      return [...numbers(estimator.mean), ...numbers(estimator.variance)];
    };
    expect(statistics(1)).toEqual(close(statistics(20)));
    expect(statistics(7)).toEqual(close(statistics(20)));
  });

  it("loses no digits far from zero", () => {
    const estimator = new PrototypeEstimator(1, 1, "cpu");
    for (const x of [4095, 4097, 4096, 4098]) estimator.update(rows([x], 1), classes(0));
    expect(estimator.variance.item()).toBeCloseTo(1.25, 3);
  });

  it.each([3, -1, 2 ** 40])("refuses label %d of three classes in any type, and stays as it was", (label) => {
    const estimator = new PrototypeEstimator(3, 2, "cpu");
    for (const dtype of ["float32", "bfloat16", "float64"] as const)
      expect(() => estimator.update(rows(wave(4), 2).to(dtype), classes(0, label))).toThrow(
        `class_moments: label ${label} is no class; expected 0 to 2`,
      );
    expect(numbers(estimator.count)).toEqual([0, 0, 0]);
    expect(() => estimator.update(rows(wave(4), 2), rows([0, 1], 1).reshape([2]))).toThrow(
      /class_moments wants labels of whole numbers, int64, got Float/,
    );
  });

  it("round-trips its state, names what is missing, and frees its tensors", () => {
    scope(() => {
      const before = memoryFigures().tensors;
      const [from, to] = scope(() => [
        new PrototypeEstimator(2, 2, "cpu"),
        new PrototypeEstimator(2, 2, "cpu"),
      ]) as [PrototypeEstimator, PrototypeEstimator];
      scope(() => {
        from.update(rows(wave(8), 2), classes(0, 1, 1, 0));
        to.loadState(from.stateDict());
        expect(numbers(to.variance)).toEqual(numbers(from.variance));
        expect(() => to.loadState(new Map([["mean", from.mean]]))).toThrow('lacks "variance"');
      });
      from.dispose();
      to.dispose();
      expect(memoryFigures().tensors).toBe(before);
    });
  });
});

describe("prototypeContrast", () => {
  const double = (values: readonly number[], shape: readonly number[]) =>
    fromArray(Float64Array.from(values), shape);
  const prototypes = {
    mean: double([3, 4, 0, 2, -1, 0], [3, 2]),
    variance: double([1, 0, 3, 4, 0, 5], [3, 2]),
  };
  const tau = 0.5;
  const unit = (x: number, y: number) => [x / Math.hypot(x, y), y / Math.hypot(x, y)] as const;

  /** One row after the definition. */
  function ofRow(row: readonly [number, number], label: number): number {
    const f = unit(...row);
    const means = [unit(3, 4), unit(0, 2), unit(-1, 0)];
    const variances = [unit(1, 0), unit(3, 4), unit(0, 5)];
    const bySquares = (c: number) => f[0] ** 2 * variances[c]![0] + f[1] ** 2 * variances[c]![1];
    const logits = means.map((m, c) => (f[0] * m[0] + f[1] * m[1] + bySquares(c) / (2 * tau)) / tau);
    const logSum = Math.log(logits.reduce((sum, v) => sum + Math.exp(v), 0));
    return logSum - logits[label]! + bySquares(label) / (2 * tau ** 2);
  }

  it("is cross-entropy to the prototypes plus the spread, mean over rows", () => {
    const features = double([1, 0, -2, 5, 3, 1], [3, 2]);
    const loss = prototypeContrast(features, classes(0, 2, 1), prototypes, {
      temperature: tau,
      ignoreClass: null,
    });
    const expected = (ofRow([1, 0], 0) + ofRow([-2, 5], 2) + ofRow([3, 1], 1)) / 3;
    expect(loss!.item()).toBeCloseTo(expected, 6);
  });

  it("leaves the ignored class out", () => {
    const features = double([1, 0, -2, 5, 3, 1], [3, 2]);
    const options = { temperature: tau, ignoreClass: 0 };
    const loss = prototypeContrast(features, classes(0, 2, 1), prototypes, options);
    expect(loss!.item()).toBeCloseTo((ofRow([-2, 5], 2) + ofRow([3, 1], 1)) / 2, 6);
    expect(prototypeContrast(features, classes(0, 0, 0), prototypes, options)).toBeNull();
  });

  it.each([null, 0])("agrees with finite differences, ignoring %s", (ignoreClass) => {
    expectGradient(
      (x) => prototypeContrast(x, classes(0, 2, 1, 1, 0), prototypes, { temperature: tau, ignoreClass })!,
      [5, 2],
      wave(10),
    );
  });

  it("is finite for a feature of zeros and for a class never seen", () => {
    const nothing = { mean: double([0, 0, 1, 0], [2, 2]), variance: double([0, 0, 1, 0], [2, 2]) };
    const features = double([0, 0, 1, 2], [2, 2]).requireGrad();
    const loss = prototypeContrast(features, classes(0, 1), nothing, {
      temperature: 100,
      ignoreClass: null,
    })!;
    loss.backward();
    expect([loss.item(), ...numbers(features.grad!)].every(Number.isFinite)).toBe(true);
  });
});
