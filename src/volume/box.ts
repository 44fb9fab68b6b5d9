import { mapAxes, type Triple, voxelCount } from "./volume.js";

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

/** The box of a whole [D, H, W] shape. */
export const wholeBox = (shape: Triple): Box => ({ start: [0, 0, 0], end: shape });

/**
 * The box made larger: by `margin` voxels on each side, then evenly to at least `least`, but never beyond `shape`.
 * Where the volume ends on one side, the other gets the rest.
 */
export function enlargedBox({ start, end }: Box, margin: Triple, least: Triple, shape: Triple): Box {
  const sides = [0, 1, 2].map((axis): [number, number] => {
    const low = Math.max(0, start[axis]! - margin[axis]!);
    const high = Math.min(shape[axis]!, end[axis]! + margin[axis]!);
    const missing = Math.max(0, Math.min(least[axis]!, shape[axis]!) - (high - low));
    const after = Math.min(shape[axis]! - high, missing - Math.min(low, Math.floor(missing / 2)));
    return [low - (missing - after), high + after];
  });
  return { start: mapAxes((axis) => sides[axis]![0]), end: mapAxes((axis) => sides[axis]![1]) };
}

/**
 * The voxels of a box out of [D, H, W], or out of each channel of [C, D, H, W]; the array itself where the box is the
 * whole of it.
 */
export function cropped<T extends Float32Array | Uint8Array>(data: T, shape: Triple, box: Box): T {
  const [depth, height, width] = boxShape(box);
  const channels = data.length / voxelCount(shape);
  const voxels = channels * depth * height * width;
  if (voxels === data.length) return data;
  const out = new (data.constructor as new (length: number) => T)(voxels);
  for (let c = 0, at = 0; c < channels; c++)
    for (let d = 0; d < depth; d++)
      for (let h = 0; h < height; h++, at += width) {
        const plane = c * shape[0] + d + box.start[0];
        const row = (plane * shape[1] + h + box.start[1]) * shape[2] + box.start[2];
        out.set(data.subarray(row, row + width) as never, at);
      }
  return out;
}
