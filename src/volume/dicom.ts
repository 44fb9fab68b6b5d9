import { stat } from "node:fs/promises";
import { openDicomFile } from "./dicom-file.js";
import { type DicomFrame, framesOf } from "./dicom-frame.js";
import { imageOfFrames, openDicomImage } from "./dicom-image.js";
import { isSegmentation, openSegmentation } from "./dicom-seg.js";
import { openSeries } from "./dicom-series.js";
import type { StoredImage } from "./stored-image.js";
import type { Grid } from "./volume.js";

/** Opens a single DICOM file: a slice, a multi-frame volume, or a segmentation, laid onto the image's grid if given. */
export async function openDicom(path: string, onto: Grid | null = null): Promise<StoredImage> {
  const file = await openDicomFile(path);
  return isSegmentation(file) ? openSegmentation(file, onto) : openDicomImage(file);
}

/** The slices of a DICOM scan (a file, or a folder of one series) in the order of its volume's D axis. */
export async function openDicomFrames(path: string): Promise<readonly DicomFrame[]> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory();
  if (isFolder) return (await openSeries(path)).frames;
  return imageOfFrames(framesOf(await openDicomFile(path)), path, "DICOM file").frames;
}
