import { describe, expect, it } from "vitest";
import { expectGradient, wave } from "../engine/finite-differences.testing.js";
import { fromArray } from "../engine/make-tensor.js";
import { binaryDiceLoss, diceLoss } from "./dice.js";

const tensor = (values: number[], shape = [values.length]) => fromArray(Float64Array.from(values), shape);
const labels = (values: number[], shape: number[]) => fromArray(BigInt64Array.from(values, BigInt), shape);

describe("binaryDiceLoss", () => {
  it("is 1 - 2·overlap / (squares of both)", () => {
    // 2·(0.5 + 1) / (0.25 + 1 + 0.25 + 3)
    expect(binaryDiceLoss(tensor([0.5, 1, 0.5, 0]), tensor([1, 1, 0, 1])).item()).toBeCloseTo(1 - 3 / 4.5, 5);
  });
  it("is 0 for a perfect answer, also for none of none, and 1 for a miss", () => {
    expect(binaryDiceLoss(tensor([1, 0]), tensor([1, 0])).item()).toBe(0);
    expect(binaryDiceLoss(tensor([0, 0]), tensor([0, 0])).item()).toBe(0);
    expect(binaryDiceLoss(tensor([0, 1]), tensor([1, 0])).item()).toBeCloseTo(1, 5);
  });
});

describe("diceLoss", () => {
  const odds = (p: number) => Math.log(p / (1 - p));

  it("counts the foreground of two classes over the whole batch at once", () => {
    const [p, q] = [0.8, 0.4]; // image 1: one voxel, foreground; image 2: one voxel, background
    const logits = tensor([0, odds(p), 0, odds(q)], [2, 2, 1]);
    const expected = 1 - (2 * p) / (p * p + q * q + 1);
    expect(diceLoss(logits, labels([1, 0], [2, 1])).item()).toBeCloseTo(expected, 5);
  });

  it("is the mean over the foreground classes of three", () => {
    // equal logits: every class 1/3 at both voxels
    const one = 1 - 2 / 3 / (2 / 9 + 1);
    expect(diceLoss(tensor([0, 0, 0, 0, 0, 0], [1, 3, 2]), labels([1, 2], [1, 2])).item()).toBeCloseTo(
      one,
      5,
    );
    const none = 1 - 1e-5 / (2 / 9);
    expect(diceLoss(tensor([0, 0, 0, 0, 0, 0], [1, 3, 2]), labels([1, 0], [1, 2])).item()).toBeCloseTo(
      (one + none) / 2,
      4,
    );
  });

  it.each([2, 3])("agrees with finite differences, %i classes", (classes) => {
    const target = labels([0, 1, classes - 1, 0, 1, 1, 0, 0], [2, 4]);
    expectGradient((x) => diceLoss(x, target), [2, classes, 4], wave(8 * classes));
  });

  it("refuses shapes that disagree, naming both", () => {
    expect(() => diceLoss(tensor(wave(12), [2, 2, 3]), labels([0, 1], [1, 2]))).toThrow(
      "logits are [2,2,3] but the target is [1,2]",
    );
  });
});
