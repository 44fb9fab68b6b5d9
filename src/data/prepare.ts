import { badInput } from "../errors.js";
import { type Box, boundingBox, cropped, enlargedBox, uniteBoxes, wholeBox } from "../volume/box.js";
import { foregroundBox } from "../volume/foreground.js";
import { type AxisOrder, toAxisOrder } from "../volume/orientation.js";
import { percentiles } from "../volume/percentiles.js";
import {
  type ImageInterpolation,
  type LabelInterpolation,
  resampleImage,
  resampleLabels,
} from "../volume/resample.js";
import type { Grid, Triple } from "../volume/volume.js";
import type { CaseFiles } from "./dataset.js";
import { clipTo_, type Normalization, normalize_, positiveRegion } from "./normalize.js";
import { atSpacing, type Placement, preparedGrid } from "./placement.js";
import {
  areBothPlaced,
  checkClasses,
  checkFinite,
  checkSameGrid,
  type RawCase,
  readCase,
} from "./read-case.js";

/**
 * What is kept of a case. "none": all of it; "foreground": the box around what is not air, from the image alone;
 * "label-box": the paper's box around the reference label, where the case has one (else all of it). It uses the ground
 * truth of test cases.
 */
export type Crop = "none" | "foreground" | "label-box";

/** How a case's files become arrays to train on: clip, resample, cut, normalize. The same at training and prediction. */
export interface PrepareOptions {
  /** Classes including background; a label value of this or more is refused. */
  readonly classes: number;
  readonly normalization: Normalization;
  /** Whether mean and deviation are taken over the whole volume or over what the crop leaves. */
  readonly normalizeOver?: "volume" | "crop";
  /** Intensities are clipped to [low, high] first, in CT's HU; null or absent: not. */
  readonly windowHu?: readonly [number, number] | null;
  /** Intensities are clipped to these percentiles of the volume first; null or absent: not. */
  readonly windowPercentiles?: readonly [number, number] | null;
  /** "positive": voxels whose stored intensity is over 0; "all": every voxel. */
  readonly regionMask: "positive" | "all";
  /** Order of the axes: brought to RAS where the file says how it lies (standard), or as stored. */
  readonly axisOrder?: AxisOrder;
  /** Voxel edges [D, H, W], in that order of the axes, to resample to; null or absent: as stored. */
  readonly spacingMm?: Triple | null;
  readonly imageInterpolation?: ImageInterpolation;
  readonly labelInterpolation?: LabelInterpolation;
  readonly crop?: Crop;
  /** Voxels kept around the box that is cut out, [D, H, W]. */
  readonly cropMargin?: Triple;
  /** A box smaller than this is enlarged as far as the volume reaches. */
  readonly cropAtLeast?: Triple;
}

/** A case in memory, ready for patches. Arrays are [D, H, W]; those of `prepareCase` lie on shared memory, so that worker threads see the same bytes. */
export interface PreparedCase {
  readonly id: string;
  /** Of the arrays. */
  readonly grid: Grid;
  /** Of the image as stored, which results are written on. */
  readonly storedGrid: Grid;
  /** Clipped and normalized. */
  readonly image: Float32Array;
  /** Class of each voxel; null where the case is unlabeled. */
  readonly label: Uint8Array | null;
  /** 1 inside the region; null: everywhere. */
  readonly region: Uint8Array | null;
  /** Where these voxels lie in the stored ones, once those are in the order of the axes; absent: they are the same. */
  readonly placement?: Placement;
}

const shareFloats = (values: Float32Array) => {
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
};

const shareBytes = (values: Uint8Array) => {
  const shared = new Uint8Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
};

function windowOf(image: Float32Array, options: PrepareOptions): readonly [number, number] | null {
  if (options.windowHu) return options.windowHu;
  return options.windowPercentiles
    ? (percentiles(image, options.windowPercentiles) as [number, number])
    : null;
}

/** The box around every class but background; null for a label without any. */
function labelBox(label: Uint8Array, classes: number, shape: Triple): Box | null {
  const boxes = Array.from({ length: classes - 1 }, (_, i) => boundingBox(label, i + 1, shape));
  return boxes.reduce((whole, box) => (whole && box ? uniteBoxes(whole, box) : (whole ?? box)), null);
}

function cropBox(image: Float32Array, label: Uint8Array | null, shape: Triple, options: PrepareOptions): Box {
  const { crop = "none", cropMargin = [0, 0, 0], cropAtLeast = [1, 1, 1], classes } = options;
  const boxes: Record<Crop, () => Box | null> = {
    none: () => null,
    foreground: () => foregroundBox(image, shape),
    "label-box": () => label && labelBox(label, classes, shape),
  };
  const box = boxes[crop]();
  return box ? enlargedBox(box, cropMargin, cropAtLeast, shape) : wholeBox(shape);
}

/** Image and label in one order of axes. A label that doesn't say how it lies, lies as its image does. */
export function inAxisOrder({ image, label }: RawCase, order: AxisOrder): RawCase {
  const as = label && areBothPlaced({ image, label }) ? label.grid : image.grid;
  return { image: toAxisOrder(image, order), label: label && toAxisOrder(label, order, as) };
}

/** The arrays of a case on one grid. */
interface Arrays {
  readonly image: Float32Array;
  readonly label: Uint8Array | null;
  readonly positive: Uint8Array;
}

function resampled(
  { image, label, positive }: Arrays,
  grid: Grid,
  placement: Placement,
  { imageInterpolation = "linear", labelInterpolation = "nearest" }: PrepareOptions,
): Arrays {
  const map = placement.resampled;
  return {
    image: resampleImage(image, grid.shape, map, imageInterpolation),
    label: label && resampleLabels(label, grid.shape, map, labelInterpolation),
    positive: resampleLabels(positive, grid.shape, map, "nearest"),
  };
}

const cut = ({ image, label, positive }: Arrays, shape: Triple, box: Box): Arrays => ({
  image: cropped(image, shape, box),
  label: label && cropped(label, shape, box),
  positive: cropped(positive, shape, box),
});

function checkedSpacing(grid: Grid, { spacingMm = null }: PrepareOptions, file: string): Triple | null {
  if (!spacingMm || grid.spacingMm) return spacingMm;
  throw badInput(
    `${file}: stores no voxel size, so it can't be resampled to ${spacingMm.join(" x ")} mm; set data.spacingMm=null`,
  );
}

/** Image and label in one order of axes, checked; intensities clipped. */
function checked(raw: RawCase, files: CaseFiles, options: PrepareOptions) {
  if (raw.label) checkClasses(raw.label.data, options.classes, files); // counts voxels as they are stored
  const { image, label } = inAxisOrder(raw, options.axisOrder ?? "RAS");
  checkFinite(image.data, files);
  if (label) checkSameGrid(image.grid, label.grid, areBothPlaced(raw), files);
  const positive = positiveRegion(image.data);
  const window = windowOf(image.data, options);
  if (window) clipTo_(image.data, window); // what was read belongs to nobody else
  const arrays: Arrays = { image: image.data, label: label?.data ?? null, positive };
  return { arrays, grid: image.grid, storedGrid: raw.image.grid };
}

/**
 * Reads a case and makes it ready: in RAS order, clipped, resampled, cut, normalized, with its region and checked label.
 * Bad input, naming the file: what the readers refuse; voxels that are not finite; a constant image; a label that
 * isn't on the image's grid (another shape, or more than a voxel apart) or holds a class outside `classes`; no voxel
 * size where `spacingMm` asks for one.
 */
export async function prepareCase(files: CaseFiles, options: PrepareOptions): Promise<PreparedCase> {
  const prepared = prepareRaw(await readCase(files), files, options);
  const { image, label, region } = prepared;
  return {
    ...prepared,
    image: shareFloats(image),
    label: label && shareBytes(label),
    region: region && shareBytes(region),
  };
}

/** A case that was read, made ready, its image's array being used up; `files` names it. Otherwise as `prepareCase`. */
export function prepareRaw(raw: RawCase, files: CaseFiles, options: PrepareOptions): PreparedCase {
  const { arrays, grid, storedGrid } = checked(raw, files, options);
  const whole = atSpacing(grid, checkedSpacing(grid, options, files.imagePath));
  const { shape } = whole.resampled;
  const all = resampled(arrays, grid, whole, options);
  const box = cropBox(all.image, all.label, shape, options);
  const kept = cut(all, shape, box);
  const over = options.normalizeOver === "crop" ? kept : all;
  normalize_(over.image, options.normalization, over.positive, files.imagePath);
  const placement = { ...whole, box };
  return {
    id: files.id,
    grid: preparedGrid(placement),
    storedGrid,
    image: over === kept ? kept.image : cropped(all.image, shape, box),
    label: kept.label,
    region: options.regionMask === "positive" ? kept.positive : null,
    placement,
  };
}

/** Prepares cases one after another (one raw image in memory at a time), telling after each how many are done. */
export async function prepareCases(
  cases: readonly CaseFiles[],
  options: PrepareOptions,
  onProgress?: (done: number, total: number, id: string) => void,
): Promise<PreparedCase[]> {
  const prepared: PreparedCase[] = [];
  for (const files of cases) {
    prepared.push(await prepareCase(files, options));
    onProgress?.(prepared.length, cases.length, files.id);
  }
  return prepared;
}
