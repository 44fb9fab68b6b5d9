import { describe, expect, it } from "vitest";
import { columnLengths, determinant, geometryOfAffine, niftiAffine } from "./affine.js";
import type { NiftiGeometry } from "./volume.js";

const HALF = Math.SQRT1_2;
const stored = (over: Partial<NiftiGeometry>): NiftiGeometry => ({
  pixdim: [1, 2, 3, 4],
  qformCode: 0,
  qform: [0, 0, 0, 0, 0, 0],
  sformCode: 0,
  sform: [1, 0, 0, 7, 0, 1, 0, 8, 0, 0, 1, 9],
  ...over,
});
const expectClose = (got: readonly number[], want: readonly number[]) =>
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(want[i]!, 6);
  });

describe("niftiAffine", () => {
  it("takes the sform where its code is positive, even under a larger qform code", () => {
    const affine = niftiAffine(stored({ sformCode: 1, qformCode: 2 }), [5, 5, 5]);
    expect(affine).toEqual([1, 0, 0, 7, 0, 1, 0, 8, 0, 0, 1, 9, 0, 0, 0, 1]);
  });

  it("takes the qform else: a quarter turn about z sends x to y", () => {
    const affine = niftiAffine(stored({ qformCode: 1, qform: [0, 0, HALF, 10, 20, 30] }), [5, 5, 5]);
    expectClose(affine, [0, -3, 0, 10, 2, 0, 0, 20, 0, 0, 4, 30, 0, 0, 0, 1]);
  });

  it("mirrors z of a qform whose pixdim[0] is -1", () => {
    const affine = niftiAffine(stored({ qformCode: 1, pixdim: [-1, 2, 3, 4] }), [5, 5, 5]);
    expectClose(affine, [2, 0, 0, 0, 0, 3, 0, 0, 0, 0, -4, 0, 0, 0, 0, 1]);
  });

  it("takes (b, c, d) longer than 1 for a half turn about their direction", () => {
    const affine = niftiAffine(stored({ qformCode: 1, qform: [0, 0, 1.7, 1, 2, 3] }), [5, 5, 5]);
    expectClose(affine, [-2, 0, 0, 1, 0, -3, 0, 2, 0, 0, 4, 3, 0, 0, 0, 1]);
  });

  it("centers the volume with x to the left when neither is stored", () => {
    const affine = niftiAffine(stored({}), [3, 5, 11]); // W 11, H 5, D 3
    expectClose(affine, [-2, 0, 0, 10, 0, 3, 0, -6, 0, 0, 4, -4, 0, 0, 0, 1]);
  });
});

describe("geometryOfAffine", () => {
  const cases = {
    identity: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    "left-handed": [-2, 0, 0, 90, 0, 3, 0, -126, 0, 0, 4, -72, 0, 0, 0, 1],
    "half turn about x": [2, 0, 0, 1, 0, -2, 0, 2, 0, 0, -2, 3, 0, 0, 0, 1],
    "half turn about y": [-2, 0, 0, 1, 0, 2, 0, 2, 0, 0, -2, 3, 0, 0, 0, 1],
    "half turn about z": [-2, 0, 0, 1, 0, -2, 0, 2, 0, 0, 2, 3, 0, 0, 0, 1],
    "axes swapped": [0, 0, 5, 1, 6, 0, 0, 2, 0, 7, 0, 3, 0, 0, 0, 1],
    oblique: [1.6, -1.2, 0, 5, 1.2, 1.6, 0, 6, 0, 0, -2, 7, 0, 0, 0, 1],
  };
  it.each(Object.entries(cases))("writes a qform that means the same: %s", (_, affine) => {
    const geometry = geometryOfAffine(affine, columnLengths(affine));
    expect(geometry.qformCode).toBe(1);
    expectClose(niftiAffine({ ...geometry, sformCode: 0 }, [9, 9, 9]), affine);
  });

  it("writes no qform for a sheared affine", () => {
    const sheared = [1, 0.2, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    expect(geometryOfAffine(sheared, columnLengths(sheared))).toMatchObject({ qformCode: 0, sformCode: 1 });
  });
});

it("determinant of a diagonal affine is the product of its edges", () => {
  expect(determinant([2, 0, 0, 9, 0, 3, 0, 9, 0, 0, -4, 9, 0, 0, 0, 1])).toBe(-24);
});
