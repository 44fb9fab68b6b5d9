import type { Triple } from "../volume/volume.js";

/** Voxels from `start` up to, not including, `end`, along [D, H, W]. */
export interface Box {
  readonly start: Triple;
  readonly end: Triple;
}

/** Smallest box that holds every voxel of the class in [D, H, W]; null where there is none. */
export function boundingBox(
  labels: Uint8Array,
  classIndex: number,
  [depth, height, width]: Triple,
): Box | null {
  let [d0, h0, w0] = [depth, height, width];
  let [d1, h1, w1] = [-1, -1, -1];
  for (let d = 0, row = 0; d < depth; d++) {
    for (let h = 0; h < height; h++, row += width) {
      const line = labels.subarray(row, row + width);
      const first = line.indexOf(classIndex);
      if (first < 0) continue;
      const last = line.lastIndexOf(classIndex);
      if (d < d0) d0 = d;
      d1 = d;
      if (h < h0) h0 = h;
      if (h > h1) h1 = h;
      if (first < w0) w0 = first;
      if (last > w1) w1 = last;
    }
  }
  return d1 < 0 ? null : { start: [d0, h0, w0], end: [d1 + 1, h1 + 1, w1 + 1] };
}

/** Smallest box that holds both. */
export const uniteBoxes = (a: Box, b: Box): Box => ({
  start: mapAxes((axis) => Math.min(a.start[axis], b.start[axis])),
  end: mapAxes((axis) => Math.max(a.end[axis], b.end[axis])),
});

/** Voxels of the box along [D, H, W]. */
export const boxShape = ({ start, end }: Box): Triple => mapAxes((axis) => end[axis] - start[axis]);

const mapAxes = (value: (axis: 0 | 1 | 2) => number): Triple => [value(0), value(1), value(2)];
