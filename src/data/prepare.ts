import { badInput } from "../errors.js";
import { type Box, boundingBox, cropped, enlargedBox, uniteBoxes, wholeBox } from "../volume/box.js";
import { foregroundBox } from "../volume/foreground.js";
import { type AxisOrder, gridInAxisOrder, toAxisOrder } from "../volume/orientation.js";
import { percentiles } from "../volume/percentiles.js";
import {
  type ImageInterpolation,
  type LabelInterpolation,
  resampleImage,
  resampleLabels,
} from "../volume/resample.js";
import { MAX_VOXELS } from "../volume/stored-image.js";
import { edgesText, type Grid, type Triple, voxelCount } from "../volume/volume.js";
import type { CaseFiles } from "./dataset.js";
import { clipTo_, type Normalization, normalize_, positiveRegion } from "./normalize.js";
import { atSpacing, type Placement, preparedGrid } from "./placement.js";
import {
  areBothPlaced,
  channelName,
  checkClasses,
  checkFinite,
  checkSameGrid,
  labelOffset,
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
  /** Channels of each image; absent: 1. All below is done to each channel by itself, the boxes to all alike. */
  readonly channels?: number;
  readonly normalization: Normalization;
  /** Whether mean and deviation are taken over the whole volume or over what the crop leaves. */
  readonly normalizeOver?: "volume" | "crop";
  /** Intensities are clipped to [low, high] first, in CT's HU; null or absent: not. */
  readonly windowHu?: readonly [number, number] | null;
  /** Intensities are clipped to these percentiles of the volume first; null or absent: not. */
  readonly windowPercentiles?: readonly [number, number] | null;
  /** "positive": voxels whose stored intensity is over 0 in any channel; "all": every voxel. */
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

/** A case in memory, ready for patches. Arrays but the image are [D, H, W]; those of `prepareCase` lie on shared memory, so that worker threads see the same bytes. */
export interface PreparedCase {
  readonly id: string;
  /** Of the arrays. */
  readonly grid: Grid;
  /** Of the image as stored, which results are written on. */
  readonly storedGrid: Grid;
  /** Clipped and normalized, [C, D, H, W]. */
  readonly image: Float32Array;
  /** Class of each voxel; null where the case is unlabeled. */
  readonly label: Uint8Array | null;
  /** 1 inside the region; null: everywhere. */
  readonly region: Uint8Array | null;
  /** Where these voxels lie in the stored ones, once those are in the order of the axes; absent: they are the same. */
  readonly placement?: Placement;
}

/** Channels of a prepared case's image. */
export const channelCount = ({ image, grid }: Pick<PreparedCase, "image" | "grid">): number =>
  image.length / voxelCount(grid.shape);

/** A channel [D, H, W] of its image. People are shown the first, 0. */
export function channelOf(
  { image, grid }: Pick<PreparedCase, "image" | "grid">,
  channel: number,
): Float32Array {
  const voxels = voxelCount(grid.shape);
  return image.subarray(channel * voxels, (channel + 1) * voxels);
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

function cropBox({ channels, label }: Arrays, shape: Triple, options: PrepareOptions): Box {
  const { crop = "none", cropMargin = [0, 0, 0], cropAtLeast = [1, 1, 1], classes } = options;
  const boxes: Record<Crop, () => Box | null> = {
    none: () => null,
    foreground: () => channels.map(({ image }) => foregroundBox(image, shape)).reduce(uniteBoxes),
    "label-box": () => label && labelBox(label, classes, shape),
  };
  const box = boxes[crop]();
  return box ? enlargedBox(box, cropMargin, cropAtLeast, shape) : wholeBox(shape);
}

/** Voxels: more than rounding makes, less than turning an axis of two voxels around, which moves its ends by one. */
const ROUNDING = 0.5;

/**
 * Image and label in one order of axes. A label that doesn't say how it lies, lies as its image does; so does one that lies
 * on it but for rounding, by which axes halfway between the patient's may seem nearer to another one.
 */
export function inAxisOrder(raw: RawCase, order: AxisOrder): RawCase {
  const { grid, channels, label } = raw;
  const isApart = areBothPlaced(raw) && (labelOffset(raw) ?? Number.POSITIVE_INFINITY) > ROUNDING;
  const as = label && isApart ? label.grid : grid;
  return {
    grid: gridInAxisOrder(grid, order),
    channels: channels.map((data) => toAxisOrder({ grid, data }, order).data),
    label: label && toAxisOrder(label, order, as),
  };
}

/** A channel's intensities, and where they are over 0. */
interface Channel {
  readonly image: Float32Array;
  readonly positive: Uint8Array;
}

/** The arrays of a case on one grid. */
interface Arrays {
  readonly channels: readonly Channel[];
  readonly label: Uint8Array | null;
}

function resampled(
  { channels, label }: Arrays,
  grid: Grid,
  placement: Placement,
  { imageInterpolation = "linear", labelInterpolation = "nearest" }: PrepareOptions,
): Arrays {
  const map = placement.resampled;
  return {
    channels: channels.map(({ image, positive }) => ({
      image: resampleImage(image, grid.shape, map, imageInterpolation),
      positive: resampleLabels(positive, grid.shape, map, "nearest"),
    })),
    label: label && resampleLabels(label, grid.shape, map, labelInterpolation),
  };
}

const cut = ({ channels, label }: Arrays, shape: Triple, box: Box): Arrays => ({
  channels: channels.map(({ image, positive }) => ({
    image: cropped(image, shape, box),
    positive: cropped(positive, shape, box),
  })),
  label: label && cropped(label, shape, box),
});

/** 1 where any channel is over 0. */
function anyPositive(channels: readonly Channel[]): Uint8Array {
  const [first, ...others] = channels;
  if (others.length === 0) return first!.positive;
  return first!.positive.map((value, i) => (value || others.some(({ positive }) => positive[i]) ? 1 : 0));
}

/** Arrays of one length behind one another; the only one as it is. */
function together(arrays: readonly Float32Array[]): Float32Array {
  if (arrays.length === 1) return arrays[0]!;
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const one of arrays) {
    all.set(one, at);
    at += one.length;
  }
  return all;
}

/** An axis of more voxels than this that is left with one shows another unit, not a coarser grid. */
const FEW_VOXELS = 4;

/** A case at the spacing that is asked for, uncut. Bad input: no voxel size, or one that makes no volume of it. */
function checkedPlacement(grid: Grid, { spacingMm = null }: PrepareOptions, file: string): Placement {
  if (spacingMm && !grid.spacingMm)
    throw badInput(
      `${file}: stores no voxel size, so it can't be resampled to ${spacingMm.join(" x ")} mm; set data.spacingMm=null`,
    );
  const placement = atSpacing(grid, spacingMm);
  const { shape } = placement.resampled;
  const collapses = shape.some((n, axis) => n === 1 && grid.shape[axis]! > FEW_VOXELS);
  if (spacingMm && (collapses || voxelCount(shape) > MAX_VOXELS))
    throw badInput(
      `${file}: [${grid.shape.join(", ")}] voxels of ${edgesText(grid.spacingMm!)} mm would become [${shape.join(", ")}] of ${edgesText(spacingMm)} mm (D, H, W); repair the voxel size in its header, which may count in other units, or data.spacingMm`,
    );
  return placement;
}

/** Image and label in one order of axes, checked. */
function checked(raw: RawCase, files: CaseFiles, options: PrepareOptions) {
  if (raw.label) checkClasses(raw.label, options.classes, files); // counts voxels as they are stored
  const { grid, channels, label } = inAxisOrder(raw, options.axisOrder ?? "RAS");
  for (const [i, data] of channels.entries()) checkFinite(data, channelName(files, i, channels.length));
  if (label) checkSameGrid(grid, label.grid, areBothPlaced(raw), files);
  return { channels, label, grid };
}

/** Intensities clipped, each channel's for itself; the array is used up. */
function clipped(image: Float32Array, options: PrepareOptions): Channel {
  const positive = positiveRegion(image);
  const window = windowOf(image, options);
  if (window) clipTo_(image, window);
  return { image, positive };
}

/**
 * Reads a case and refuses what its files show to be wrong, as `prepareCase` does; a constant channel is left to that.
 * Returns its grid in the order of the axes.
 */
export async function checkCase(files: CaseFiles, options: PrepareOptions): Promise<Grid> {
  const { grid } = checked(await readCase(files, options.channels), files, options);
  checkedPlacement(grid, options, files.imagePath);
  return grid;
}

/**
 * Reads a case and makes it ready: in RAS order, clipped, resampled, cut, normalized, with its region and checked label.
 * Bad input, naming the file: what the readers refuse; another number of channels; voxels that are not finite; a constant
 * channel; a label that isn't on the image's grid (another shape, or more than a voxel apart) or holds a class outside
 * `classes`; no voxel size where `spacingMm` asks for one, or one of another unit.
 */
export async function prepareCase(files: CaseFiles, options: PrepareOptions): Promise<PreparedCase> {
  const prepared = prepareRaw(await readCase(files, options.channels), files, options);
  const { image, label, region } = prepared;
  return {
    ...prepared,
    image: shareFloats(image),
    label: label && shareBytes(label),
    region: region && shareBytes(region),
  };
}

/** A case that was read, made ready, its image's arrays being used up; `files` names it. Otherwise as `prepareCase`. */
export function prepareRaw(raw: RawCase, files: CaseFiles, options: PrepareOptions): PreparedCase {
  const { channels, label, grid } = checked(raw, files, options);
  const arrays = { channels: channels.map((image) => clipped(image, options)), label: label?.data ?? null };
  const whole = checkedPlacement(grid, options, files.imagePath);
  const { shape } = whole.resampled;
  const all = resampled(arrays, grid, whole, options);
  const box = cropBox(all, shape, options);
  const kept = cut(all, shape, box);
  const over = options.normalizeOver === "crop" ? kept : all;
  for (const [i, { image, positive }] of over.channels.entries())
    normalize_(image, options.normalization, positive, channelName(files, i, over.channels.length));
  const images = over.channels.map(({ image }) => (over === kept ? image : cropped(image, shape, box)));
  const placement = { ...whole, box };
  return {
    id: files.id,
    grid: preparedGrid(placement),
    storedGrid: raw.grid,
    image: together(images),
    label: kept.label,
    region: options.regionMask === "positive" ? anyPositive(kept.channels) : null,
    placement,
  };
}
