import { badInput } from "../errors.js";
import type { Grid, Triple } from "./volume.js";

/** Directions of a file's world axes as signs towards right, anterior, superior. */
export type SpaceSigns = Triple;
export const RAS: SpaceSigns = [1, 1, 1];
export const LPS: SpaceSigns = [-1, -1, 1];

/** Without -0, which means nothing in a header. */
const signed = (sign: number, value: number): number => (sign < 0 ? 0 - value : value);

/** Steps along x, y, z and the first voxel's place, in mm of a file's world axes. */
export interface Placement {
  readonly directions: readonly (readonly number[])[];
  readonly origin: readonly number[];
}

/** The grid that steps in a file's world mean. Bad input, naming the file: steps that don't span space. */
export function gridOfPlacement(
  shape: Triple,
  { directions, origin }: Placement,
  signs: SpaceSigns,
  file: string,
): Grid {
  const affine = [0, 1, 2].flatMap((row) =>
    [...directions.map((step) => step[row]!), origin[row]!].map((value) => signed(signs[row]!, value)),
  );
  const edges = directions.map((step) => Math.hypot(...step));
  if (![...affine, ...edges].every(Number.isFinite) || edges.some((edge) => edge === 0)) {
    throw badInput(
      `${file}: its axes [${directions.join("], [")}] map voxels nowhere; the header is damaged`,
    );
  }
  const [x, y, z] = edges as [number, number, number];
  return { shape, spacingMm: [z, y, x], affine: [...affine, 0, 0, 0, 1] };
}

/** The other way round: what to write for a RAS affine in a world of those signs. */
export function placementOf(affine: readonly number[], signs: SpaceSigns): Placement {
  const column = (at: number) => [0, 1, 2].map((row) => signed(signs[row]!, affine[4 * row + at]!));
  return { directions: [column(0), column(1), column(2)], origin: column(3) };
}
