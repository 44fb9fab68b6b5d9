import { stat } from "node:fs/promises";
import { badInput } from "../errors.js";
import { openStored, readRaw } from "./stored-file.js";
import type { StoredImage } from "./stored-image.js";

/** Enough for DICOM's mark, which stands behind 128 bytes of anything. */
const LOOK_BYTES = 132;

type Open = (path: string) => Promise<StoredImage>;

/** What opens a kind of file, loaded only when there is one. */
const OPENERS = {
  nifti: async (): Promise<Open> => (await import("./nifti.js")).openNifti,
  nrrd: async (): Promise<Open> => (await import("./nrrd.js")).openNrrd,
  metaImage: async (): Promise<Open> => (await import("./metaimage.js")).openMetaImage,
} as const;
type Kind = keyof typeof OPENERS;

/** The kind of a file by its first bytes, or else its name; NIfTI where neither tells, whose reader then says why not. */
function kindOf(head: Buffer, path: string): Kind {
  const text = head.toString("latin1");
  if (text.startsWith("NRRD000")) return "nrrd";
  if (/\.n(rrd|hdr)$/i.test(path)) throw badInput(`${path}: not a NRRD file (it doesn't begin with NRRD000)`);
  if (/^\s*(ObjectType|NDims|Comment)\s*=/i.test(text) || /\.mh[ad]$/i.test(path)) return "metaImage";
  return "nifti";
}

/** Opens an image of any format: its header is read and checked, no voxel is. Bad input: one line naming the file. */
export async function openImage(path: string): Promise<StoredImage> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw badInput(`${path}: is a folder, expected a file`);
  const file = await openStored(path);
  const head = Buffer.from(await readRaw(file, 0, LOOK_BYTES));
  const open = await OPENERS[kindOf(head, path)]();
  return open(path);
}
