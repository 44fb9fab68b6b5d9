import { badInput } from "../errors.js";
import { cornerDistanceMm } from "../volume/affine.js";
import { type AxisOrder, toAxisOrder } from "../volume/orientation.js";
import { readLabelMap, readVolume } from "../volume/read.js";
import { readH5Case } from "../volume/read-h5.js";
import { type Grid, isPlaced, type LabelMap, type Volume } from "../volume/volume.js";
import type { CaseFiles } from "./dataset.js";
import { clipTo, type Normalization, normalize, positiveRegion } from "./normalize.js";

/** How a case's files become arrays to train on. */
export interface PrepareOptions {
  /** Classes including background; a label value of this or more is refused. */
  readonly classes: number;
  readonly normalization: Normalization;
  /** Intensities are clipped to [low, high] first, in CT's HU; null or absent: not. */
  readonly windowHu?: readonly [number, number] | null;
  /** "positive": voxels whose stored intensity is over 0; "all": every voxel. */
  readonly regionMask: "positive" | "all";
  /** Order of the axes: brought to RAS where the file says how it lies (standard), or as stored. */
  readonly axisOrder?: AxisOrder;
}

/** A case in memory, ready for patches. Arrays are [D, H, W] on shared memory, so worker threads see the same bytes. */
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
}

interface RawCase {
  readonly image: Volume;
  readonly label: LabelMap | null;
}

/** Image and label in one order of axes. A label that doesn't say how it lies, lies as its image does. */
function inAxisOrder({ image, label }: RawCase, order: AxisOrder): RawCase {
  const as = label && isPlaced(image.grid) && isPlaced(label.grid) ? label.grid : image.grid;
  return { image: toAxisOrder(image, order), label: label && toAxisOrder(label, order, as) };
}

async function readCase({ imagePath, labelPath }: CaseFiles): Promise<RawCase> {
  if (!/\.(h5|hdf5)$/i.test(imagePath)) {
    const image = await readVolume(imagePath);
    return { image, label: labelPath ? await readLabelMap(labelPath, image.grid) : null };
  }
  const { image, label } = await readH5Case(imagePath);
  if (labelPath && !label)
    throw badInput(`${imagePath}: has no label dataset, though the case is listed as labeled`);
  return { image, label: labelPath ? label : null };
}

/** `placed`: whether both files say where they lie. */
function checkSameGrid(image: Grid, label: Grid, placed: boolean, files: CaseFiles): void {
  if (image.shape.some((n, axis) => n !== label.shape[axis])) {
    throw badInput(
      `${files.labelPath}: label is [${label.shape.join(", ")}] but its image ${files.imagePath} is [${image.shape.join(", ")}] (D, H, W); they must be on one grid`,
    );
  }
  if (!placed) return;
  const apart = cornerDistanceMm(image.affine!, label.affine!, image.shape);
  const voxel = Math.max(...(image.spacingMm ?? [1, 1, 1]));
  if (apart > voxel) {
    throw badInput(
      `${files.labelPath}: lies up to ${apart.toFixed(2)} mm from its image ${files.imagePath} (a voxel is ${voxel.toFixed(2)} mm): affines [${label.affine!.join(", ")}] and [${image.affine!.join(", ")}]; resample it onto the image`,
    );
  }
}

function checkClasses(label: Uint8Array, classes: number, files: CaseFiles): void {
  const at = label.findIndex((value) => value >= classes);
  if (at >= 0) {
    throw badInput(
      `${files.labelPath}: holds class ${label[at]} at voxel ${at}; expected 0 to ${classes - 1} (classes: ${classes})`,
    );
  }
}

function checkFinite(data: Float32Array, files: CaseFiles): void {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++;
  if (count > 0) {
    throw badInput(
      `${files.imagePath}: ${count} of ${data.length} voxels are not finite (NaN or infinite); repair the image`,
    );
  }
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

/**
 * Reads a case and makes it ready: in RAS order, clipped, normalized, with its region and checked label.
 * Bad input, naming the file: what the readers refuse; voxels that are not finite; a constant image; a label that
 * isn't on the image's grid (another shape, or more than a voxel apart) or holds a class outside `classes`.
 */
export async function prepareCase(files: CaseFiles, options: PrepareOptions): Promise<PreparedCase> {
  const raw = await readCase(files);
  const { image, label } = inAxisOrder(raw, options.axisOrder ?? "RAS");
  checkFinite(image.data, files);
  if (raw.label && label) {
    checkClasses(raw.label.data, options.classes, files); // as stored: it names a voxel
    checkSameGrid(image.grid, label.grid, isPlaced(raw.image.grid) && isPlaced(raw.label.grid), files);
  }
  const positive = positiveRegion(image.data);
  const clipped = options.windowHu ? clipTo(image.data, options.windowHu) : image.data;
  const normalized = normalize(clipped, options.normalization, positive, files.imagePath);
  return {
    id: files.id,
    grid: image.grid,
    storedGrid: raw.image.grid,
    image: shareFloats(normalized),
    label: label && shareBytes(label.data),
    region: options.regionMask === "positive" ? shareBytes(positive) : null,
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
