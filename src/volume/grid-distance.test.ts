import { expect, it } from "vitest";
import { cornerDistanceMm, offsetFrom, voxelsApart } from "./grid-distance.js";
import type { Grid } from "./volume.js";

it("cornerDistanceMm is the farthest corner's", () => {
  const one = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const wider = [1.5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  expect(cornerDistanceMm(one, wider, [2, 2, 11])).toBe(5); // x = 10, half a mm each
});

it("a grid is off another one by more than a voxel of it along an axis, where both say where they lie", () => {
  const grid = (mm: number, move = 0): Grid => ({
    shape: [2, 2, 11],
    spacingMm: [mm, 1, 1],
    affine: [1, 0, 0, move, 0, 1, 0, 0, 0, 0, mm, move, 0, 0, 0, 1],
  });
  expect(voxelsApart(grid(5).affine!, grid(5, 2).affine!, [2, 2, 11])).toBe(2); // 2 of x, 0.4 of z
  expect(offsetFrom(grid(5), grid(5, 1))).toBeNull();
  expect(offsetFrom(grid(5), grid(5, 2))).toEqual({ voxels: 2, mm: Math.hypot(2, 2) });
  expect(offsetFrom(grid(5), { ...grid(5, 2), affine: null })).toBeNull();
  expect(offsetFrom(grid(5), grid(5, 2), false)).toBeNull();
});
