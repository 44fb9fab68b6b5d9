import { columnLengths } from "./affine.js";
import { cross, dot } from "./directions.js";
import { type Grid, isPlaced, type LabelMap, type Triple, type Volume } from "./volume.js";

/** How the host axes of one grid follow from another's: permuted, then reversed. */
export interface Reorientation {
  /** Axis of the source, [D, H, W] numbered 0 to 2, behind each axis of the result. */
  readonly axes: Triple;
  /** Whether the result runs through that axis from its end. */
  readonly reversed: readonly [boolean, boolean, boolean];
}

type Voxels = Float32Array | Uint8Array;

const NEGATIVE = ["L", "P", "I"] as const;
const POSITIVE = ["R", "A", "S"] as const;

const MOST_STEPS = 50;
const LEAST_VOLUME = 1e-9;
const CONVERGED = 1e-12;

/**
 * The directions at right angles that are nearest to three others (the polar factor), so that a sheared grid has the
 * axes of the box that it was sheared from. Higham 1986: half of the directions and half of their duals, again and again.
 */
function straightened(directions: readonly (readonly number[])[]): readonly (readonly number[])[] {
  let [a, b, c] = directions as [number[], number[], number[]];
  for (let step = 0; step < MOST_STEPS; step++) {
    const volume = dot(a, cross(b, c));
    if (Math.abs(volume) < LEAST_VOLUME) break;
    const duals = [cross(b, c), cross(c, a), cross(a, b)];
    const next = [a, b, c].map((axis, i) => axis.map((value, k) => (value + duals[i]![k]! / volume) / 2));
    const moved = Math.max(
      ...next.flatMap((axis, i) => axis.map((value, k) => Math.abs(value - [a, b, c][i]![k]!))),
    );
    [a, b, c] = next as [number[], number[], number[]];
    if (moved < CONVERGED) break;
  }
  return [a, b, c];
}

/**
 * For x, y, z in turn, the world axis (0 left-right, 1 posterior-anterior, 2 inferior-superior) that it runs nearest
 * to and whether it runs towards its negative end. Each world axis is given once, as nibabel's io_orientation does.
 */
function nearestWorldAxes(affine: readonly number[]): { world: number; negative: boolean }[] {
  const lengths = columnLengths(affine);
  const units = [0, 1, 2].map((column) =>
    [0, 1, 2].map((row) => affine[4 * row + column]! / (lengths[column]! || 1)),
  );
  const directions = straightened(units);
  const left = new Set([0, 1, 2]);
  return [0, 1, 2].map((column) => {
    const cosine = (row: number) => directions[column]![row]!;
    const world = [...left].reduce((a, b) => (Math.abs(cosine(b)) > Math.abs(cosine(a)) ? b : a));
    left.delete(world);
    return { world, negative: cosine(world) < 0 };
  });
}

/** Where x, y, z run to, as in "RAS": towards the patient's right, anterior, superior. */
export const axisCodes = (affine: readonly number[]): string =>
  nearestWorldAxes(affine)
    .map(({ world, negative }) => (negative ? NEGATIVE : POSITIVE)[world])
    .join("");

/** What brings a grid to RAS: W towards the patient's right, H anterior, D superior. */
export function reorientationToRas(affine: readonly number[]): Reorientation {
  const columns = nearestWorldAxes(affine);
  const behind = [2, 1, 0].map((world) => columns.findIndex((column) => column.world === world));
  return {
    axes: behind.map((column) => 2 - column) as unknown as Triple, // the affine's columns are x, y, z
    reversed: behind.map((column) => columns[column]!.negative) as unknown as Reorientation["reversed"],
  };
}

const isIdentity = ({ axes, reversed }: Reorientation): boolean =>
  axes.every((axis, i) => axis === i) && !reversed.some(Boolean);

/** What undoes it. */
export function inverseOf({ axes, reversed }: Reorientation): Reorientation {
  const back = [0, 1, 2].map((axis) => axes.indexOf(axis));
  return {
    axes: back as unknown as Triple,
    reversed: back.map((i) => reversed[i]!) as unknown as Reorientation["reversed"],
  };
}

const shapeAfter = (shape: Triple, { axes }: Reorientation): Triple => [
  shape[axes[0]]!,
  shape[axes[1]]!,
  shape[axes[2]]!,
];

/** Voxels of `shape` in the new order; the same array where nothing moves. */
export function reorientVoxels<T extends Voxels>(data: T, shape: Triple, to: Reorientation): T {
  if (isIdentity(to)) return data;
  const strides = [shape[1] * shape[2], shape[2], 1];
  const [depth, height, width] = shapeAfter(shape, to);
  const step = to.axes.map((axis, i) => (to.reversed[i] ? -strides[axis]! : strides[axis]!));
  const start = to.axes.reduce<number>(
    (sum, axis, i) => sum + (to.reversed[i] ? strides[axis]! * (shape[axis]! - 1) : 0),
    0,
  );
  const [stepD, stepH, stepW] = step as [number, number, number];
  const out = new (data.constructor as new (length: number) => T)(data.length);
  let i = 0;
  for (let d = 0; d < depth; d++)
    for (let h = 0; h < height; h++) {
      let from = start + d * stepD + h * stepH;
      for (let w = 0; w < width; w++, from += stepW) out[i++] = data[from]!;
    }
  return out;
}

/** The affine of reoriented voxels: the same places in space. */
function reorientAffine(
  affine: readonly number[],
  shape: Triple,
  { axes, reversed }: Reorientation,
): number[] {
  const out = [...affine];
  for (let row = 0; row < 3; row++) {
    let offset = affine[4 * row + 3]!;
    for (let axis = 0; axis < 3; axis++) {
      const column = affine[4 * row + 2 - axes[axis]!]!;
      if (reversed[axis]) offset += column * (shape[axes[axis]!]! - 1);
      out[4 * row + 2 - axis] = reversed[axis] ? 0 - column : column;
    }
    out[4 * row + 3] = offset;
  }
  return out;
}

/** The same grid with its axes in another order; fields that only hold for the stored order are left out. */
export function reorientGrid(grid: Grid, to: Reorientation): Grid {
  if (isIdentity(to)) return grid;
  const { shape, spacingMm, affine } = grid;
  return {
    shape: shapeAfter(shape, to),
    spacingMm: spacingMm && shapeAfter(spacingMm, to),
    affine: affine && reorientAffine(affine, shape, to),
  };
}

/** The order of axes that networks see: brought to RAS, or as files store them. */
export type AxisOrder = "RAS" | "stored";

/**
 * The affine that decides how voxels are brought to an axis order, null where they stay as stored. A grid that only
 * has made-up axes (NIfTI without qform and sform) says nothing.
 */
const deciding = (grid: Grid, order: AxisOrder): readonly number[] | null =>
  order === "RAS" && isPlaced(grid) ? grid.affine : null;

/**
 * An image in the axis order that networks see, by turning and mirroring whole axes; itself where it lies so or doesn't say
 * how. `as`: decide by the grid of an image that it lies on.
 */
export function toAxisOrder<T extends Volume | LabelMap>(image: T, order: AxisOrder, as = image.grid): T {
  const affine = deciding(as, order);
  const to = affine && reorientationToRas(affine);
  if (!to || isIdentity(to)) return image;
  const data = reorientVoxels(image.data as Voxels, image.grid.shape, to);
  return { grid: reorientGrid(image.grid, to), data } as unknown as T;
}

/** The grid of what `toAxisOrder` makes. */
export function gridInAxisOrder(grid: Grid, order: AxisOrder): Grid {
  const affine = deciding(grid, order);
  return affine ? reorientGrid(grid, reorientationToRas(affine)) : grid;
}

/** Voxels in the order that networks see, back in the order of the grid that they came from. */
export function toStoredOrder<T extends Voxels>(data: T, grid: Grid, order: AxisOrder): T {
  const affine = deciding(grid, order);
  if (!affine) return data;
  const to = reorientationToRas(affine);
  return reorientVoxels(data, shapeAfter(grid.shape, to), inverseOf(to));
}
