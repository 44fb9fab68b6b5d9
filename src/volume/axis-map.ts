import { badInput } from "../errors.js";
import { inverse } from "./affine.js";
import { type Grid, mapAxes, type Triple } from "./volume.js";

/** How the voxels of one grid lie in another with the same axes: other coordinate = origin + step * index, along [D, H, W]. */
export interface AxisMap {
  /** Voxels of the grid that is sampled onto. */
  readonly shape: Triple;
  readonly origin: Triple;
  readonly step: Triple;
}

/** The grid whose voxels lie at `map` in `grid`: shape, spacing and affine follow. */
export function mappedGrid(grid: Grid, { shape, origin, step }: AxisMap): Grid {
  const spacing = grid.spacingMm;
  return {
    shape,
    spacingMm: spacing && mapAxes((axis) => spacing[axis] * step[axis]),
    affine: grid.affine && mappedAffine(grid.affine, origin, step),
  };
}

/** `affine` after (x, y, z) -> origin + step * (x, y, z); columns are x, y, z, triples D, H, W. */
function mappedAffine(affine: readonly number[], origin: Triple, step: Triple): number[] {
  return affine.map((value, i) => {
    const [row, column] = [i >> 2, i & 3];
    if (row === 3) return value;
    if (column < 3) return value * step[2 - column]!;
    return value + [0, 1, 2].reduce((sum, c) => sum + affine[row * 4 + c]! * origin[2 - c]!, 0);
  });
}

/**
 * Where the voxels of `grid` at another spacing lie in it. Both grids have the same outer edge at the first voxel; the
 * far edge is kept to within half a new voxel: 10 voxels of 1 mm at 3 mm are 3 voxels at 1, 4 and 7.
 */
export function spacingMap(grid: Grid, spacingMm: Triple): AxisMap {
  const stored = grid.spacingMm;
  if (!stored) throw badInput("the image stores no voxel size, so it can't be resampled to a spacing in mm");
  const step = mapAxes((axis) => spacingMm[axis] / stored[axis]);
  return {
    shape: mapAxes((axis) => Math.max(1, Math.round(grid.shape[axis] / step[axis]))),
    origin: mapAxes((axis) => (step[axis] - 1) / 2),
    step,
  };
}

/** The map back: where the voxels of a [D, H, W] grid, onto which `map` sampled, find what was sampled from. */
export const inverseMap = ({ origin, step }: AxisMap, shape: Triple): AxisMap => ({
  shape,
  origin: mapAxes((axis) => -origin[axis] / step[axis]),
  step: mapAxes((axis) => 1 / step[axis]),
});

/** Off-axis part of a voxel, and rounding of stored affines, that still counts as the same axes. */
const AXIS_TOLERANCE = 1e-3;

/**
 * Where the voxels of `target` lie in `source`, from their affines. Bad input: no affine, or axes that are turned,
 * swapped or mirrored against each other.
 */
export function mapBetween(source: Grid, target: Grid): AxisMap {
  if (!source.affine || !target.affine)
    throw badInput("a grid without an affine has no place, so nothing can be resampled onto it");
  const [into, from] = [inverse(source.affine), target.affine];
  const product = (row: number, column: number) =>
    [0, 1, 2, 3].reduce((sum, k) => sum + into[row * 4 + k]! * from[k * 4 + column]!, 0);
  const step = mapAxes((axis) => product(2 - axis, 2 - axis));
  const off = [0, 1, 2].flatMap((row) => [0, 1, 2].filter((c) => c !== row).map((c) => product(row, c)));
  if (Math.min(...step) <= 0 || Math.max(...off.map(Math.abs)) > AXIS_TOLERANCE * Math.min(...step)) {
    throw badInput(
      `grids with affines [${source.affine.join(", ")}] and [${target.affine.join(", ")}] have different axes; bring both to one orientation first`,
    );
  }
  return { shape: target.shape, origin: mapAxes((axis) => product(2 - axis, 3)), step };
}
