import { describe, expect, it } from "vitest";
import { fromArray, zeros } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import { probabilityDifference } from "./consistency.js";

/** Logits of two classes, [1,2,1,1,2]: odds 3 to 1 at the first voxel, even at the second. */
const a = () => fromArray(new Float32Array([Math.log(3), 0, 0, 0]), [1, 2, 1, 1, 2]);
/** Even at the first voxel, odds 1 to 4 at the second. */
const b = () => fromArray(new Float32Array([0, 0, 0, Math.log(4)]), [1, 2, 1, 1, 2]);
const mask = (...kept: number[]) => fromArray(new Float32Array(kept), [1, 1, 1, 1, 2]);

describe("probabilityDifference", () => {
  it("is the mean over voxels and classes of squared differences of probabilities", () => {
    // (0.75, 0.25) and (0.5, 0.5): 0.0625 in each class; (0.5, 0.5) and (0.2, 0.8): 0.09
    scope(() => {
      expect(probabilityDifference(a(), b()).item()).toBeCloseTo((0.0625 + 0.09) / 2, 6);
      expect(probabilityDifference(a(), a()).item()).toBe(0);
    });
  });

  it("counts kept voxels only, and is 0 where none is", () => {
    scope(() => {
      expect(probabilityDifference(a(), b(), mask(1, 0)).item()).toBeCloseTo(0.0625, 6);
      expect(probabilityDifference(a(), b(), mask(0, 1)).item()).toBeCloseTo(0.09, 6);
      expect(probabilityDifference(a(), b(), zeros([1, 1, 1, 1, 2])).item()).toBe(0);
    });
  });

  it("divides by the kept voxels times the classes, however many these are", () => {
    // (0.5, 0.25, 0.25) and even thirds: 1/36 + 2/144 at the kept voxel
    scope(() => {
      const uneven = fromArray(new Float32Array([Math.log(2), 5, 0, 0, 0, 0]), [1, 3, 1, 1, 2]);
      expect(probabilityDifference(uneven, zeros([1, 3, 1, 1, 2]), mask(1, 0)).item()).toBeCloseTo(1 / 72, 6);
    });
  });
});
