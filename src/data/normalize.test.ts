import { describe, expect, it } from "vitest";
import { clipTo_, meanAndDeviation, type Normalization, normalize_, positiveRegion } from "./normalize.js";

const values = Float32Array.of(0, 0, 2, 4, 4, 8);
const foreground = positiveRegion(values);
const normalized = (of: Float32Array, way: Normalization, mask: Uint8Array, file: string) => {
  const copy = of.slice();
  normalize_(copy, way, mask, file);
  return copy;
};

it("positiveRegion marks what is over 0", () => {
  expect([...positiveRegion(Float32Array.of(-1, 0, 0.1, 5))]).toEqual([0, 0, 1, 1]);
});

it("clipTo_ limits to the window", () => {
  const hu = Float32Array.of(-1000, -125, 0, 275, 3000);
  clipTo_(hu, [-125, 275]);
  expect([...hu]).toEqual([-125, -125, 0, 275, 275]);
});

it("meanAndDeviation is the population's", () => {
  // mean 3, squares 9 + 9 + 1 + 1 + 1 + 25 = 46
  expect(meanAndDeviation(values, null)).toEqual({ mean: 3, deviation: Math.sqrt(46 / 6) });
  // 2, 4, 4, 8: mean 4.5, squares 6.25 + 0.25 + 0.25 + 12.25 = 19
  expect(meanAndDeviation(values, foreground)).toEqual({ mean: 4.5, deviation: Math.sqrt(19 / 4) });
});

describe("normalize_", () => {
  it("z-scores by all voxels, or by those over 0, and changes every voxel", () => {
    expect(normalized(values, "z-score", foreground, "f")[5]).toBeCloseTo(5 / Math.sqrt(46 / 6), 6);
    const byForeground = normalized(values, "z-score-foreground", foreground, "f");
    expect(byForeground[0]).toBeCloseTo(-4.5 / Math.sqrt(19 / 4), 6);
    expect(normalized(values, "none", foreground, "f")).toEqual(values);
  });

  it("keeps its precision far from 0", () => {
    const far = Float32Array.of(1e6, 1e6 + 1, 1e6 + 2);
    expect(normalized(far, "z-score", foreground, "f")[0]).toBeCloseTo(-Math.sqrt(1.5), 6);
  });

  it("refuses a constant image, and a foreground without a scale", () => {
    const flat = Float32Array.of(7, 7, 7);
    for (const way of ["z-score", "none"] as const) {
      expect(() => normalized(flat, way, positiveRegion(flat), "a.nii")).toThrow(/a\.nii: every voxel is 7/);
    }
    const binary = Float32Array.of(0, 1, 1);
    expect(() => normalized(binary, "z-score-foreground", positiveRegion(binary), "b.nii")).toThrow(
      /b\.nii: no two voxels/,
    );
    const negative = Float32Array.of(-1, -2, -3);
    expect(() => normalized(negative, "z-score-foreground", positiveRegion(negative), "c.nii")).toThrow(
      /c\.nii/,
    );
  });
});
