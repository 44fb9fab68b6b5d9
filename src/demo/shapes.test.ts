import { expect, it } from "vitest";
import { applyMatrix, coverage, ellipsoidDistance, rotation, smoothUnion, tubeDistance } from "./shapes.js";

it("an ellipsoid's distance is exact for a sphere and along an axis, 0 on the surface", () => {
  expect(ellipsoidDistance([0, 3, 4], [2, 2, 2])).toBeCloseTo(3, 12);
  expect(ellipsoidDistance([6, 0, 0], [4, 5, 6])).toBeCloseTo(2, 12);
  expect(ellipsoidDistance([0, 5, 0], [4, 5, 6])).toBeCloseTo(0, 12);
  expect(ellipsoidDistance([0, 0, 0], [4, 5, 6])).toBe(-4);
});

it("a tube's distance counts from its axis, round at the ends", () => {
  const tube = { from: [0, 0, 0], to: [10, 0, 0], radius: 1 } as const;
  expect(tubeDistance([5, 3, 4], tube)).toEqual({ distance: 4, along: 0.5 });
  expect(tubeDistance([13, 4, 0], tube)).toEqual({ distance: 4, along: 1 });
  expect(tubeDistance([-1, 0, 0], tube)).toEqual({ distance: 0, along: 0 });
});

it("a smooth union is the minimum, and a quarter of k less where both are alike", () => {
  expect(smoothUnion(1, 1, 4)).toBe(0);
  expect(smoothUnion(1, 6, 4)).toBe(1);
  expect(smoothUnion(6, 1, 4)).toBe(1);
  expect(smoothUnion(0, 2, 4)).toBe(-0.25);
});

it("coverage is half on the surface, whole and none half a voxel away", () => {
  expect([-2, -0.5, -0.25, 0, 0.5, 3].map(coverage)).toEqual([1, 1, 0.75, 0.5, 0, 0]);
});

it("rotations turn about one axis each and keep lengths", () => {
  const close = (a: readonly number[], b: readonly number[]) =>
    expect(Math.max(...b.map((x, i) => Math.abs(x - a[i]!)))).toBeLessThan(1e-12);
  close(applyMatrix(rotation(0, 0, Math.PI / 2), [1, 0, 0]), [0, 1, 0]);
  close(applyMatrix(rotation(Math.PI / 2, 0, 0), [0, 1, 0]), [0, 0, 1]);
  close(applyMatrix(rotation(0, Math.PI / 2, 0), [0, 0, 1]), [1, 0, 0]);
  expect(Math.hypot(...applyMatrix(rotation(0.3, -0.8, 1.1), [1, 2, 2]))).toBeCloseTo(3, 12);
});
