import { columnLengths, determinant } from "./affine.js";
import { openImage } from "./format.js";
import { axisCodes } from "./orientation.js";
import { checkSize } from "./read.js";
import { type Statistics, statisticsOf } from "./statistics.js";
import type { Format, StoredImage, StoredType } from "./stored-image.js";
import type { Grid } from "./volume.js";

/** A value of a label map: its voxels and their volume, null where no voxel size is stored. */
export interface LabelVolume {
  readonly value: number;
  readonly voxels: number;
  readonly ml: number | null;
}

/** What a scan is, as `penumbra inspect --json` prints it. Axes are in the order x, y, z, as stored. */
export interface Inspection {
  readonly file: string;
  readonly format: Format;
  readonly shape: readonly number[];
  /** As NumPy names it: "uint8", or ">i2" for big-endian. */
  readonly dtype: string;
  readonly slope_intercept: readonly [number, number];
  /** mm; null where none is stored. */
  readonly spacing: readonly number[] | null;
  /** Where x, y, z run to, as in "RAS"; null where the file doesn't say. */
  readonly axis_codes: string | null;
  /** Four rows, from voxel (x, y, z, 1) to RAS mm. */
  readonly affine: readonly (readonly number[])[] | null;
  /** After slope and intercept, of the finite voxels; null where there is none. */
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Where the values are whole numbers and few. */
  readonly labels: readonly LabelVolume[] | null;
  /** What a person should know before using it. */
  readonly odd: readonly string[];
}

const NUMPY_NAMES: Readonly<Record<string, string>> = { u: "uint", i: "int", f: "float" };

/** "i16" -> "int16"; big-endian -> ">i2". */
function numpyName(type: StoredType, littleEndian: boolean): string {
  const [letter, bits] = [type[0]!, Number(type.slice(1))];
  return littleEndian || bits === 8 ? `${NUMPY_NAMES[letter]}${bits}` : `>${letter}${bits / 8}`;
}

/** Millilitres of a voxel; null where no size is stored. */
function voxelMl({ affine, spacingMm }: Grid): number | null {
  if (affine) return Math.abs(determinant(affine)) / 1000;
  return spacingMm && (spacingMm[0] * spacingMm[1] * spacingMm[2]) / 1000;
}

const THICK = 4;
const THIN_SLICES = 16;

/** The largest angle in degrees between an axis and the patient's nearest axis, and between two axes beyond 90. */
function anglesOf(affine: readonly number[]): { oblique: number; shear: number } {
  const edges = columnLengths(affine);
  const unit = [0, 1, 2].map((column) => [0, 1, 2].map((row) => affine[4 * row + column]! / edges[column]!));
  const degrees = (cosine: number) => (Math.acos(Math.min(1, Math.abs(cosine))) * 180) / Math.PI;
  const oblique = Math.max(...unit.map((axis) => degrees(Math.max(...axis.map(Math.abs)))));
  const between = (a: number, b: number) => unit[a]!.reduce((sum, value, i) => sum + value * unit[b]![i]!, 0);
  return {
    oblique,
    shear: 90 - degrees(Math.max(...[between(0, 1), between(0, 2), between(1, 2)].map(Math.abs))),
  };
}

function oddGrid({ extents, grid: { affine, spacingMm } }: StoredImage): string[] {
  const odd: string[] = [];
  const thin = Math.min(...extents.slice(0, 3));
  if (extents.slice(3).some((n) => n > 1))
    odd.push(`a series of ${extents[3]} volumes: split it to segment one`);
  if (thin > 1 && thin < THIN_SLICES) odd.push(`only ${thin} voxels along an axis`);
  if (spacingMm) {
    const ratio = Math.max(...spacingMm) / Math.min(...spacingMm);
    if (ratio >= THICK && thin > 1)
      odd.push(`voxels are ${ratio.toFixed(1)} times as long along one axis as along another`);
  }
  if (affine) {
    const { oblique, shear } = anglesOf(affine);
    if (oblique > 1) odd.push(`axes are oblique, up to ${oblique.toFixed(1)} degrees from the patient's`);
    if (shear > 0.5) odd.push(`axes are ${shear.toFixed(1)} degrees off right angles`);
  }
  return odd;
}

function oddValues(
  { min, max, notFinite, counts }: Statistics,
  { type }: StoredImage,
  count: number,
): string[] {
  if (notFinite > 0) return [`${notFinite} of ${count} voxels are not finite (NaN or infinite)`];
  if (min === max) return [`every voxel is ${min}`];
  if (counts && counts.length > 1 && counts[0]!.value === 0 && type.startsWith("f"))
    return [`whole numbers stored as ${numpyName(type, true)}`];
  return [];
}

/**
 * Looks at a file or a folder of one DICOM series: format, grid, type, intensities, labels and what is odd about it.
 * Bad input: what can't be read, and images too small to segment.
 */
export async function inspect(path: string): Promise<Inspection> {
  const image = await openImage(path);
  checkSize(image);
  const { grid, extents, type, littleEndian, slope, intercept } = image;
  const stored = await image.load();
  const statistics = statisticsOf(stored, slope, intercept);
  const { affine, spacingMm } = grid;
  const ml = voxelMl(grid);
  const known = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    file: path,
    format: image.format,
    shape: extents,
    dtype: numpyName(type, littleEndian),
    slope_intercept: [slope, intercept],
    spacing: spacingMm && [...spacingMm].reverse(),
    axis_codes: affine && axisCodes(affine),
    affine: affine && [0, 4, 8, 12].map((row) => affine.slice(row, row + 4)),
    mean: known(statistics.mean),
    min: known(statistics.min),
    max: known(statistics.max),
    labels: statistics.counts?.map((label) => ({ ...label, ml: ml && label.voxels * ml })) ?? null,
    odd: [...image.odd, ...oddGrid(image), ...oddValues(statistics, image, stored.length)],
  };
}
