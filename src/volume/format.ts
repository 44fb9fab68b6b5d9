import { stat } from "node:fs/promises";
import { badInput } from "../errors.js";
import { openStored, readRaw, type StoredFile } from "./stored-file.js";
import type { StoredImage } from "./stored-image.js";
import type { Grid } from "./volume.js";

const DICOM_MARK_OFFSET = 128;
/** Enough for DICOM's mark, which stands behind 128 bytes of anything. */
const LOOK_BYTES = 132;

type Open = (path: string, onto?: Grid | null) => Promise<StoredImage>;

/** What opens a kind of file, loaded only when there is one. */
const OPENERS = {
  nifti: async (): Promise<Open> => (await import("./nifti.js")).openNifti,
  nrrd: async (): Promise<Open> => (await import("./nrrd.js")).openNrrd,
  metaImage: async (): Promise<Open> => (await import("./metaimage.js")).openMetaImage,
  h5: async (): Promise<Open> => (await import("./read-h5.js")).openH5,
  dicom: async (): Promise<Open> => (await import("./dicom.js")).openDicom,
  png: async (): Promise<Open> => (await import("./picture.js")).openPng,
  tiff: async (): Promise<Open> => (await import("./picture.js")).openTiff,
  folder: async (): Promise<Open> => (await import("./dicom-series.js")).openDicomSeries,
} as const;
export type Kind = keyof typeof OPENERS;

const NIFTI_NAME = /\.(nii|hdr|img)(\.gz)?$/i;

/** The kind of a file by its first bytes, or else its name. */
function kindOf(head: Buffer, path: string): Kind {
  const text = head.toString("latin1");
  if (text.startsWith("DICM", DICOM_MARK_OFFSET) || /\.dcm$/i.test(path)) return "dicom";
  if (text.startsWith("\x89HDF") || /\.(h5|hdf5)$/i.test(path)) return "h5";
  if (text.startsWith("NRRD000")) return "nrrd";
  if (/\.n(rrd|hdr)$/i.test(path)) throw badInput(`${path}: not a NRRD file (it doesn't begin with NRRD000)`);
  if (text.startsWith("\x89PNG")) return "png";
  if (text.startsWith("II*\0") || text.startsWith("MM\0*")) return "tiff";
  if (/^\s*(ObjectType|NDims|Comment)\s*=/i.test(text) || /\.mh[ad]$/i.test(path)) return "metaImage";
  const sizes = head.length >= 4 ? [head.readInt32LE(0), head.readInt32BE(0)] : [];
  const isNifti = sizes.includes(348) || sizes.includes(540) || (head[0] === 0x1f && head[1] === 0x8b);
  if (isNifti || NIFTI_NAME.test(path)) return "nifti";
  throw badInput(
    `${path}: of no format that is read; expected NIfTI, NRRD, MetaImage, DICOM, the literature's h5, PNG or TIFF`,
  );
}

/**
 * Opens an image of any format, a folder as a DICOM series: its header is read and checked, no voxel is. `onto`: the
 * grid of the image that a DICOM segmentation belongs to. Bad input: one line naming the file.
 */
export async function openImage(path: string, onto: Grid | null = null): Promise<StoredImage> {
  if (await isFolder(path)) return (await OPENERS.folder())(path);
  const open = await OPENERS[await kindOfFile(await openStored(path))]();
  return open(path, onto);
}

export const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null))?.isDirectory() ?? false;

/** The kind of a file, by its first bytes or its name. Bad input: none that is read. */
export const kindOfFile = async (file: StoredFile): Promise<Kind> =>
  kindOf(Buffer.from(await readRaw(file, 0, LOOK_BYTES)), file.path);
