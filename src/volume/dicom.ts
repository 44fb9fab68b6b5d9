import { openDicomFile } from "./dicom-file.js";
import { openDicomImage } from "./dicom-image.js";
import { isSegmentation, openSegmentation } from "./dicom-seg.js";
import type { StoredImage } from "./stored-image.js";
import type { Grid } from "./volume.js";

/** Opens a single DICOM file: a slice, a multi-frame volume, or a segmentation, laid onto the image's grid if given. */
export async function openDicom(path: string, onto: Grid | null = null): Promise<StoredImage> {
  const file = await openDicomFile(path);
  return isSegmentation(file) ? openSegmentation(file, onto) : openDicomImage(file);
}
