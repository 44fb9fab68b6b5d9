import { describe, expect, it } from "vitest";
import { geometryOfAffine } from "./affine.js";
import { axisCodes, toAxisOrder, toStoredOrder } from "./orientation.js";
import type { Triple, Volume } from "./volume.js";

/** Every way to lay x, y, z along right, anterior, superior or their opposites: 6 orders, 8 signs. */
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;
const codesOf = (order: readonly number[], signs: number): string =>
  order.map((world, column) => (signs & (1 << column) ? "LPI" : "RAS")[world]).join("");
const ALL = ORDERS.flatMap((order) => Array.from({ length: 8 }, (_, signs) => ({ order, signs }))).map(
  (entry) => ({ ...entry, codes: codesOf(entry.order, entry.signs) }),
);

/** World extents 3 x 4 x 5 mm·voxels of 1, 2, 3 mm, stored in the given order; a voxel's value names its place. */
function stored(order: readonly number[], signs: number): Volume {
  const extents = [3, 4, 5];
  const edges = [1, 2, 3];
  const affine = Array(16).fill(0);
  affine[15] = 1;
  order.forEach((world, column) => {
    const negative = signs & (1 << column);
    affine[4 * world + column] = negative ? 0 - edges[world]! : edges[world]!;
    affine[4 * world + 3] = negative ? edges[world]! * (extents[world]! - 1) : 0;
  });
  const [w, h, d] = order.map((world) => extents[world]!) as [number, number, number];
  const data = new Float32Array(60);
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const at = [0, 1, 2].map((row) => place(affine, [x, y, z], row) / edges[row]!);
        data[(z * h + y) * w + x] = at[0]! + 10 * at[1]! + 100 * at[2]!;
      }
  const spacingMm = [...order].reverse().map((world) => edges[world]!) as unknown as Triple;
  return { grid: { shape: [d, h, w], spacingMm, affine }, data };
}
const place = (m: readonly number[], p: readonly number[], row: number) =>
  m[4 * row]! * p[0]! + m[4 * row + 1]! * p[1]! + m[4 * row + 2]! * p[2]! + m[4 * row + 3]!;

const RAS = stored([0, 1, 2], 0);

describe("orientation", () => {
  it("knows 48 ways of storing one volume", () => {
    expect(new Set(ALL.map(({ codes }) => codes)).size).toBe(48);
  });

  it.each(ALL)("$codes is brought to RAS and back", ({ order, signs, codes }) => {
    const image = stored(order, signs);
    expect(axisCodes(image.grid.affine!)).toBe(codes);
    const ras = toAxisOrder(image, "RAS");
    expect(ras).toEqual(RAS);
    expect(toStoredOrder(ras.data, image.grid, "RAS")).toEqual(image.data);
  });

  it("takes the nearest axes of an oblique grid", () => {
    const [c, s] = [Math.cos(0.5), Math.sin(0.5)];
    expect(axisCodes([-c, s, 0, 0, -s, -c, 0, 0, 0, 0, 1, 0])).toBe("LPS");
    expect(axisCodes([s, -c, 0, 0, c, s, 0, 0, 0, 0, 1, 0])).toBe("ALS");
  });

  it("gives each world axis once where two columns run alike", () => {
    expect(axisCodes([1, 0.9, 0, 0, 0, 0.4, 0, 0, 0, 0, 1, 0])).toBe("RAS");
  });

  it("leaves an image alone that is RAS, or says no orientation", () => {
    expect(toAxisOrder(RAS, "RAS")).toBe(RAS);
    const { grid, data } = stored([0, 1, 2], 1);
    const nifti = { ...geometryOfAffine(grid.affine!, [1, 2, 3]), qformCode: 0, sformCode: 0 };
    for (const unplaced of [
      { ...grid, affine: null },
      { ...grid, nifti },
    ]) {
      const bare: Volume = { grid: unplaced, data };
      expect(toAxisOrder(bare, "RAS")).toBe(bare);
      expect(toStoredOrder(data, unplaced, "RAS")).toBe(data);
    }
  });
});

it("a sheared grid has the axes that nibabel finds", () => {
  const codes = (...rows: number[][]) => axisCodes([...rows.flatMap((row) => [...row, 0]), 0, 0, 0, 1]);
  expect(codes([0.39, -0.97, 0.14], [0.72, 0.14, 0.8], [-0.58, 0.18, 0.58])).toBe("ILA");
  expect(codes([-0.67, -0.64, 0.28], [0.69, -0.35, 0.62], [-0.26, 0.68, 0.73])).toBe("ALS");
  expect(codes([1, 0.2, 0], [0, 1, 0], [0, 0, 1])).toBe("RAS");
});
