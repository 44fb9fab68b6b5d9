import { describe, expect, it } from "vitest";
import { dice } from "../metrics/overlap.js";
import { boxShape, cropped } from "../volume/box.js";
import { resampleImage } from "../volume/resample.js";
import { type Grid, type Triple, voxelCount } from "../volume/volume.js";
import {
  asStored,
  atSpacing,
  isUnchanged,
  labelsOnSource,
  mapOnSource,
  type Placement,
  preparedGrid,
} from "./placement.js";

const SHAPE: Triple = [20, 30, 25];
const GRID: Grid = {
  shape: SHAPE,
  spacingMm: [3, 1, 1.5],
  affine: [-1.5, 0, 0, 30, 0, 1, 0, -12, 0, 0, 3, 7, 0, 0, 0, 1],
};
const at = (affine: readonly number[], x: number, y: number, z: number) =>
  [0, 4, 8].map((row) => affine[row]! * x + affine[row + 1]! * y + affine[row + 2]! * z + affine[row + 3]!);

/** 1 in a ball of 9 mm around the middle. */
const ball = Float32Array.from({ length: voxelCount(SHAPE) }, (_, i) => {
  const [z, y, x] = [Math.floor(i / 750), Math.floor(i / 25) % 30, i % 25];
  return Math.hypot(3 * (z - 9.5), y - 16, 1.5 * (x - 11)) < 9 ? 1 : 0;
});
const ballLabels = Uint8Array.from(ball);

/** What a network that sees the prepared voxels would say of the ball, and the way back. */
function thereAndBack(placement: Placement): Uint8Array {
  const { resampled, box } = placement;
  const foreground = cropped(resampleImage(ball, SHAPE, resampled, "linear"), resampled.shape, box);
  const probabilities = new Float32Array(2 * foreground.length);
  probabilities.set(foreground.map((p) => 1 - p));
  probabilities.set(foreground, foreground.length);
  const labels = Uint8Array.from(foreground, (p) => (p > 0.5 ? 1 : 0));
  return labelsOnSource(labels, probabilities, 2, placement);
}

describe("a placement", () => {
  it("as stored changes nothing", () => {
    const stored = asStored(GRID);
    expect(isUnchanged(stored)).toBe(true);
    expect(preparedGrid(stored)).toBe(GRID);
    expect(labelsOnSource(ballLabels, ball, 2, stored)).toBe(ballLabels);
    expect(mapOnSource(ball, stored, 0)).toBe(ball);
  });

  it("at its own spacing, or as near as headers round, is as stored", () => {
    expect(isUnchanged(atSpacing(GRID, [3.0004, 0.9999, 1.5]))).toBe(true);
    expect(isUnchanged(atSpacing(GRID, [3.1, 1, 1.5]))).toBe(false);
  });

  it("keeps the outer edge of the first voxel in place, and says where a cut begins", () => {
    const whole = atSpacing(GRID, [1, 1, 1]);
    expect(whole.resampled.shape).toEqual([60, 30, 38]);
    const grid = preparedGrid(whole);
    expect(grid.spacingMm).toEqual([1, 1, 1]);
    const [edge, same] = [at(GRID.affine!, -0.5, -0.5, -0.5), at(grid.affine!, -0.5, -0.5, -0.5)];
    for (const axis of [0, 1, 2]) expect(same[axis]).toBeCloseTo(edge[axis]!, 9);
    const cut = { ...whole, box: { start: [10, 4, 3], end: [50, 28, 30] } } as const;
    const cutGrid = preparedGrid(cut);
    expect(cutGrid.shape).toEqual(boxShape(cut.box));
    const [first, there] = [at(cutGrid.affine!, 0, 0, 0), at(grid.affine!, 3, 4, 10)];
    for (const axis of [0, 1, 2]) expect(first[axis]).toBeCloseTo(there[axis]!, 9);
  });

  it.each<[string, Triple]>([
    ["finer", [1, 1, 1]],
    ["coarser", [3, 2, 2]],
    ["anisotropic", [1.5, 1.3, 0.9]],
  ])("brings a label map back from %s voxels", (_, spacing) => {
    const back = thereAndBack(atSpacing(GRID, spacing));
    expect(back.length).toBe(ball.length);
    expect(dice(back, ballLabels)).toBeGreaterThan(0.93);
  });

  it("puts a cut label map back exactly, background around it", () => {
    const box = { start: [5, 3, 2], end: [15, 28, 20] } as const;
    const placement = { ...asStored(GRID), box };
    const back = thereAndBack(placement);
    expect(back).toEqual(ballLabels);
    const all = new Uint8Array(10 * 25 * 18).fill(1);
    const filled = labelsOnSource(all, new Float32Array(2 * all.length), 2, placement);
    expect(filled.reduce((sum, value) => sum + value, 0)).toBe(all.length);
    const map = mapOnSource(new Float32Array(all.length).fill(0.25), placement, 0);
    expect(map.reduce((sum, value) => sum + value, 0)).toBe(0.25 * all.length);
  });

  it("fills to the volume's edge where nothing was cut there, though voxels do not fit evenly", () => {
    const placement = atSpacing({ ...GRID, shape: [4, 10, 10], spacingMm: [3, 1, 1] }, [3, 3, 3]);
    expect(placement.resampled.shape).toEqual([4, 3, 3]);
    const voxels = 4 * 3 * 3;
    const probabilities = new Float32Array(2 * voxels).fill(0).fill(1, voxels);
    const back = labelsOnSource(new Uint8Array(voxels).fill(1), probabilities, 2, placement);
    expect([...new Set(back)]).toEqual([1]);
    expect(back.length).toBe(400);
  });
});

it("an axis of one voxel is kept at another spacing: a slice stays one slice of its thickness", () => {
  const source: Grid = { shape: [1, 20, 30], spacingMm: [8, 1, 1], affine: null };
  const { resampled } = atSpacing(source, [1, 2, 2]);
  expect([resampled.shape, resampled.step]).toEqual([
    [1, 10, 15],
    [1, 2, 2],
  ]);
});
