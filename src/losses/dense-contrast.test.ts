import { describe, expect, it } from "vitest";
import { expectGradient, wave } from "../engine/finite-differences.testing.js";
import { fromArray } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { atPlaces, correspondence, infoNce } from "./dense-contrast.js";

const tensor = (values: number[], shape: number[]): Tensor => fromArray(Float32Array.from(values), shape);

describe("infoNce", () => {
  it("is the cross-entropy of the own key among all negatives", () => {
    scope(() => {
      const queries = tensor([1, 0, 0, 1], [2, 2]);
      const keys = tensor([0.6, 0.8, 0, 1], [2, 2]);
      const negatives = tensor([0, 1, -1, 0, 0.8, 0.6], [3, 2]);
      const t = 0.5;
      const one = (positive: number, others: number[]) =>
        -Math.log(
          Math.exp(positive / t) / [positive, ...others].reduce((sum, s) => sum + Math.exp(s / t), 0),
        );
      const byHand = (one(0.6, [0, -1, 0.8]) + one(1, [1, 0, 0.6])) / 2;
      expect(infoNce(queries, keys, negatives, t).item()).toBeCloseTo(byHand, 5);
    });
  });

  it("has the gradient of its value", () => {
    const double = (values: Iterable<number>, shape: number[]) => fromArray(Float64Array.from(values), shape);
    const [keys, negatives] = [wave(6), wave(12).map((v) => -v)];
    expectGradient(
      (x) => infoNce(x, double(keys, [3, 2]), double(negatives, [6, 2]), 0.7),
      [3, 2],
      wave(6).map((v) => v + 0.3),
    );
  });
});

describe("correspondence", () => {
  it("is the place of the largest cosine, image by image, whatever the lengths", () => {
    scope(() => {
      // image 0: (1,0), (0,2), (3,3) against (0,5), (1,1), (9,1); image 1: the same places, the other view turned round
      const a = tensor([1, 0, 0, 2, 3, 3, 1, 0, 0, 2, 3, 3], [2, 3, 2]);
      const b = tensor([0, 5, 1, 1, 9, 1, 9, 1, 1, 1, 0, 5], [2, 3, 2]);
      // cosines of (1,0): 0, 0.71, 0.99; of (0,2): 1, 0.71, 0.11; of (3,3): 0.71, 1, 0.78
      expect([...correspondence(a, b).toBigInt64Array()].map(Number)).toEqual([2, 0, 1, 0, 2, 1]);
    });
  });

  it("picks keys of its own image only", () => {
    scope(() => {
      const keys = tensor([10, 11, 20, 21, 30, 31, 40, 41], [2, 2, 2]);
      const places = fromArray(BigInt64Array.from([1n, 1n, 0n, 0n, 1n, 0n]), [2, 3]);
      const picked = atPlaces(keys, places);
      expect(picked.shape).toEqual([2, 3, 2]);
      expect([...picked.toFloat32Array()]).toEqual([20, 21, 20, 21, 10, 11, 30, 31, 40, 41, 30, 31]);
    });
  });
});
