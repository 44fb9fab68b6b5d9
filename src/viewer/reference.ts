import type { CaseFiles } from "../data/dataset.js";
import { inAxisOrder } from "../data/prepare.js";
import { areBothPlaced, checkSameGrid } from "../data/read-case.js";
import { openImage } from "../volume/format.js";
import { isSameShape, voxelsApart } from "../volume/grid-distance.js";
import { toStoredOrder } from "../volume/orientation.js";
import { readLabelMap } from "../volume/read.js";
import { type Grid, isPlaced, type LabelMap } from "../volume/volume.js";

/** Shares of a voxel that two headers may differ by for what is the same grid. */
const ROUNDING = 1e-3;

/** Voxel types that the page reads as they are. */
const PLAIN = new Set(["u8", "i16", "u16"]);

/**
 * Whether a NIfTI file has the classes themselves as voxels, on the image's grid axis by axis, so that it can be laid over the
 * image as it is.
 */
export async function liesOn(file: string, grid: Grid): Promise<boolean> {
  const { grid: label, type, slope, intercept } = await openImage(file);
  if (!PLAIN.has(type) || slope !== 1 || intercept !== 0) return false;
  if (isPlaced(grid) !== isPlaced(label)) return false; // the page lays each by its own header
  const sameShape = isSameShape(grid.shape, label.shape);
  const [a, b] = [grid.affine, label.affine];
  return sameShape && (a === null || b === null ? a === b : voxelsApart(a, b, grid.shape) < ROUNDING);
}

/**
 * A case's label on its image's own grid: a DICOM segmentation laid onto it, another order of axes turned to it, one that does
 * not say how it lies taken as the image lies; as training reads it. Bad input: what `readLabelMap` refuses, a label of
 * another grid.
 */
export async function labelOnImage(file: string, grid: Grid, files: CaseFiles): Promise<LabelMap> {
  const raw = { grid, channels: [], label: await readLabelMap(file, grid) };
  const turned = inAxisOrder(raw, "RAS");
  const label = turned.label!;
  checkSameGrid(turned.grid, label.grid, areBothPlaced(raw), { ...files, labelPath: file });
  return { grid, data: toStoredOrder(label.data, grid, "RAS") };
}
