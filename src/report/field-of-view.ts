import type { Box } from "../volume/box.js";
import type { Grid } from "../volume/volume.js";

/** Kept around the labels on each side, as a part of their extent and at least so many mm (or voxels). */
const MARGIN_PART = 0.4;
const MARGIN_MM = 20;

/** The labels of both maps and their surroundings; the whole grid where both are empty. */
export function fieldOfView({
  reference,
  prediction,
  grid,
}: {
  reference: Uint8Array;
  prediction: Uint8Array;
  grid: Grid;
}): Box {
  const [, height, width] = grid.shape;
  const first = [...grid.shape];
  const last = [-1, -1, -1];
  for (let i = 0; i < reference.length; i++) {
    if (reference[i] === 0 && prediction[i] === 0) continue;
    const row = Math.floor(i / width);
    [Math.floor(row / height), row % height, i % width].forEach((position, axis) => {
      if (position < first[axis]!) first[axis] = position;
      if (position > last[axis]!) last[axis] = position;
    });
  }
  if (last[0]! < 0) return { start: [0, 0, 0], end: grid.shape };
  const range = (axis: 0 | 1 | 2) => {
    const least = MARGIN_MM / (grid.spacingMm?.[axis] ?? 1);
    const margin = Math.round(Math.max(least, MARGIN_PART * (last[axis]! - first[axis]! + 1)));
    return [
      Math.max(0, first[axis]! - margin),
      Math.min(grid.shape[axis], last[axis]! + 1 + margin),
    ] as const;
  };
  const [d, h, w] = [range(0), range(1), range(2)];
  return { start: [d[0], h[0], w[0]], end: [d[1], h[1], w[1]] };
}
