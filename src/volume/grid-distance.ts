import { inverse } from "./affine.js";
import { type Grid, isPlaced, type Triple } from "./volume.js";

const cornersOf = ([d, h, w]: Triple): number[][] =>
  [0, w - 1].flatMap((x) => [0, h - 1].flatMap((y) => [0, d - 1].map((z) => [x, y, z])));

/** Where an affine puts (x, y, z). */
const placeIn = (m: readonly number[], p: readonly number[]): number[] =>
  [0, 1, 2].map((row) => p.reduce((sum, value, k) => sum + m[row * 4 + k]! * value, m[row * 4 + 3]!));

export const isSameShape = (a: Triple, b: Triple): boolean => a.every((n, axis) => n === b[axis]);

/** Largest distance in mm between where two affines put the corners of a [D, H, W] box. */
export function cornerDistanceMm(a: readonly number[], b: readonly number[], shape: Triple): number {
  const apart = (p: readonly number[]) => {
    const other = placeIn(b, p);
    return Math.hypot(...placeIn(a, p).map((value, row) => value - other[row]!));
  };
  return Math.max(...cornersOf(shape).map(apart));
}

/** How far the voxels of a grid of the same shape lie from an image's, in the image's voxels along one axis, at the farthest corner. */
export function voxelsApart(image: readonly number[], other: readonly number[], shape: Triple): number {
  const into = inverse(image);
  return Math.max(
    ...cornersOf(shape).flatMap((corner) =>
      placeIn(into, placeIn(other, corner)).map((value, axis) => Math.abs(value - corner[axis]!)),
    ),
  );
}

/** A place that is more than a voxel off. */
export interface Offset {
  /** At the farthest corner, along one axis of the image. */
  readonly voxels: number;
  readonly mm: number;
}

/** How far a grid of an image's shape lies from it; null where that is up to a voxel along an axis, or not both are `placed`. */
export function offsetFrom(
  image: Grid,
  other: Grid,
  placed = isPlaced(image) && isPlaced(other),
): Offset | null {
  if (!placed) return null;
  const voxels = voxelsApart(image.affine!, other.affine!, image.shape);
  if (voxels <= 1) return null;
  return { voxels, mm: cornerDistanceMm(image.affine!, other.affine!, image.shape) };
}
