import { describe, expect, it } from "vitest";
import { dice, jaccard, overlap } from "./overlap.js";

describe("overlap", () => {
  it("counts: 2 and 3 voxels with 1 in common: Dice 2/5, Jaccard 1/4", () => {
    const [prediction, reference] = [Uint8Array.of(1, 1, 0, 0, 2), Uint8Array.of(0, 1, 1, 1, 2)];
    expect(overlap(prediction, reference, 1)).toEqual({ dice: 0.4, jaccard: 0.25 });
    expect(overlap(prediction, reference, 2)).toEqual({ dice: 1, jaccard: 1 });
  });

  it("is 1 where both lack the class and 0 where one does", () => {
    expect(overlap(Uint8Array.of(0, 0), Uint8Array.of(0, 0), 1)).toEqual({ dice: 1, jaccard: 1 });
    expect(overlap(Uint8Array.of(1, 0), Uint8Array.of(0, 0), 1)).toEqual({ dice: 0, jaccard: 0 });
  });

  it("takes any label but 0 for a binary mask's inside", () => {
    const [prediction, reference] = [Uint8Array.of(1, 255, 0), Uint8Array.of(0, 1, 0)];
    expect(dice(prediction, reference)).toBeCloseTo(2 / 3, 15);
    expect(jaccard(prediction, reference)).toBe(0.5);
  });

  it("refuses maps of different lengths", () => {
    expect(() => dice(new Uint8Array(2), new Uint8Array(3))).toThrow(/2 voxels, reference 3/);
  });
});
