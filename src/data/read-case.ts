import { badInput } from "../errors.js";
import { isSameShape, offsetFrom, voxelsApart } from "../volume/grid-distance.js";
import { readLabelMap } from "../volume/read.js";
import { openChannels } from "../volume/read-channels.js";
import { readH5Case } from "../volume/read-h5.js";
import { type Grid, isPlaced, type LabelMap, type Triple } from "../volume/volume.js";
import type { CaseFiles } from "./dataset.js";
import { imagePathsOf } from "./image-paths.js";

/** A case as its files hold it. */
export interface RawCase {
  /** Of the image. */
  readonly grid: Grid;
  /** Intensities of each channel, [D, H, W]; one or more. */
  readonly channels: readonly Float32Array[];
  readonly label: LabelMap | null;
}

const isH5 = (path: string): boolean => /\.(h5|hdf5)$/i.test(path);

/**
 * Reads a case's files, whose images have so many channels; nothing is checked beyond what the readers refuse. Bad input
 * as `openChannels`.
 */
export async function readCase(files: CaseFiles, count = 1): Promise<RawCase> {
  const { imagePath, labelPath } = files;
  if (isH5(imagePath) && count === 1) return readH5(files);
  const { grid, load } = await openChannels(imagePathsOf(files), count);
  return { grid, channels: await load(), label: labelPath ? await readLabelMap(labelPath, grid) : null };
}

async function readH5({ imagePath, labelPath }: CaseFiles): Promise<RawCase> {
  const { image, label } = await readH5Case(imagePath);
  const found = { grid: image.grid, channels: [image.data] };
  if (labelPath && labelPath !== imagePath) return { ...found, label: await readLabelMap(labelPath) };
  if (labelPath && !label)
    throw badInput(`${imagePath}: has no label dataset, though the case is listed as labeled`);
  return { ...found, label: labelPath ? label : null };
}

/** The file of one of so many channels, with the channel's number (from 1) where it holds several. */
export function channelName(files: CaseFiles, channel: number, count: number): string {
  const paths = imagePathsOf(files);
  return paths.length === count ? paths[channel]! : `${files.imagePath}, channel ${channel + 1}`;
}

/** How far a label lies from its image, in voxels along an axis, where both say where they lie on grids of one shape; else null. */
export function labelOffset(raw: RawCase): number | null {
  const { grid, label } = raw;
  const comparable = areBothPlaced(raw) && isSameShape(grid.shape, label!.grid.shape);
  return comparable ? voxelsApart(grid.affine!, label!.grid.affine!, grid.shape) : null;
}

/** Whether image and label both say where they lie. */
export const areBothPlaced = ({ grid, label }: RawCase): boolean =>
  label !== null && isPlaced(grid) && isPlaced(label.grid);

/**
 * Bad input: a label of another shape than its image, or more than a voxel away from it along an axis where both files
 * say where they lie (`placed`).
 */
export function checkSameGrid(image: Grid, label: Grid, placed: boolean, files: CaseFiles): void {
  if (!isSameShape(image.shape, label.shape)) {
    throw badInput(
      `${files.labelPath}: label is [${label.shape.join(", ")}] but its image ${files.imagePath} is [${image.shape.join(", ")}] (D, H, W); they must be on one grid`,
    );
  }
  const off = offsetFrom(image, label, placed);
  if (off) {
    throw badInput(
      `${files.labelPath}: lies up to ${off.mm.toFixed(2)} mm from its image ${files.imagePath} (${off.voxels.toFixed(1)} voxels along an axis): affines [${label.affine!.join(", ")}] and [${image.affine!.join(", ")}]; resample it onto the image`,
    );
  }
}

/** The i-th voxel of a map [D, H, W], as x, y, z. */
export const placeOf = (i: number, [, height, width]: Triple): Triple => [
  i % width,
  Math.floor(i / width) % height,
  Math.floor(i / (width * height)),
];

/** What is said of a class number that the data set does not have, at a place x, y, z of the file. */
export function classRefusal(
  { labelPath }: CaseFiles,
  value: number,
  place: Triple,
  classes: number,
): string {
  return `${labelPath}: holds class ${value} at voxel (${place.join(", ")}) (x, y, z from 0, as stored); expected 0 to ${classes - 1} (classes: ${classes}): relabel it, or name the class in the data's list of labels`;
}

/** Bad input: a class number that the data set does not have. */
export function checkClasses({ grid, data }: LabelMap, classes: number, files: CaseFiles): void {
  const at = data.findIndex((value) => value >= classes);
  if (at >= 0) throw badInput(classRefusal(files, data[at]!, placeOf(at, grid.shape), classes));
}

/** Bad input: NaN or infinite voxels; `file` names the image. */
export function checkFinite(data: Float32Array, file: string): void {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++;
  if (count > 0) {
    throw badInput(
      `${file}: ${count} of ${data.length} voxels are not finite (NaN or infinite); repair the image`,
    );
  }
}
