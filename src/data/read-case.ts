import { badInput } from "../errors.js";
import { cornerDistanceMm } from "../volume/affine.js";
import { readLabelMap, readVolume } from "../volume/read.js";
import { readH5Case } from "../volume/read-h5.js";
import { type Grid, isPlaced, type LabelMap, type Volume } from "../volume/volume.js";
import type { CaseFiles } from "./dataset.js";

/** A case as its files hold it. */
export interface RawCase {
  readonly image: Volume;
  readonly label: LabelMap | null;
}

const isH5 = (path: string): boolean => /\.(h5|hdf5)$/i.test(path);

/** Reads a case's files; nothing is checked beyond what the readers refuse. */
export async function readCase({ imagePath, labelPath }: CaseFiles): Promise<RawCase> {
  if (!isH5(imagePath)) {
    const image = await readVolume(imagePath);
    return { image, label: labelPath ? await readLabelMap(labelPath, image.grid) : null };
  }
  const { image, label } = await readH5Case(imagePath);
  if (labelPath && labelPath !== imagePath) return { image, label: await readLabelMap(labelPath) };
  if (labelPath && !label)
    throw badInput(`${imagePath}: has no label dataset, though the case is listed as labeled`);
  return { image, label: labelPath ? label : null };
}

/** Whether image and label both say where they lie. */
export const areBothPlaced = ({ image, label }: RawCase): boolean =>
  label !== null && isPlaced(image.grid) && isPlaced(label.grid);

/**
 * Bad input: a label of another shape than its image, or more than a voxel away from it where both files say where they
 * lie (`placed`).
 */
export function checkSameGrid(image: Grid, label: Grid, placed: boolean, files: CaseFiles): void {
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

/** What is said of a class number that the data set does not have. */
export const classRefusal = (files: CaseFiles, value: number, voxel: number, classes: number): string =>
  `${files.labelPath}: holds class ${value} at voxel ${voxel}; expected 0 to ${classes - 1} (classes: ${classes})`;

/** Bad input: a class number that the data set does not have. */
export function checkClasses(label: Uint8Array, classes: number, files: CaseFiles): void {
  const at = label.findIndex((value) => value >= classes);
  if (at >= 0) throw badInput(classRefusal(files, label[at]!, at, classes));
}

/** Bad input: NaN or infinite voxels. */
export function checkFinite(data: Float32Array, files: CaseFiles): void {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++;
  if (count > 0) {
    throw badInput(
      `${files.imagePath}: ${count} of ${data.length} voxels are not finite (NaN or infinite); repair the image`,
    );
  }
}
