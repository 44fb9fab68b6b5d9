import { badInput } from "../errors.js";
import { readCoarse } from "../volume/coarse.js";
import { openImage } from "../volume/format.js";
import { readVolume } from "../volume/read.js";
import { openChannels } from "../volume/read-channels.js";
import { readH5Case } from "../volume/read-h5.js";
import { openStored, readHead } from "../volume/stored-file.js";
import type { LabelMap, Volume } from "../volume/volume.js";
import { encodeNifti } from "../volume/write-nifti.js";
import { labelVoxels } from "../volume/written-voxels.js";
import { sendFile, sendUnpacked } from "./send-file.js";

/** Voxels along an axis of the coarse volume that a page shows first. */
const COARSE_EDGE = 128;

export interface VolumeQuery {
  readonly coarse: boolean;
  /** Of an h5 file. */
  readonly part: "image" | "label";
  readonly range: string | undefined;
}

const bytes = (body: Buffer): Response =>
  new Response(new Uint8Array(body), { headers: { "Content-Type": "application/octet-stream" } });

const encoded = (file: string, { grid, data }: Volume | LabelMap): Buffer =>
  encodeNifti(file, grid, data instanceof Float32Array ? { type: "f32", data, slope: 1 } : labelVoxels(data));

/** The first volume of a file that holds several, which are channels; null where it holds one. */
async function firstOfSeveral(file: string): Promise<Volume | null> {
  const image = await openImage(file);
  const count = image.extents.slice(3).reduce((product, n) => product * n, 1);
  if (count === 1) return null;
  const { grid, load } = await openChannels([file], count);
  return { grid, data: (await load())[0]! };
}

/**
 * A volume as one plain NIfTI file, which the page reads fastest: unpacked on the way where it is gzipped, as it is where
 * it is not, and made anew from h5 or a header and image pair; of several channels the first. `coarse`: every k-th voxel of it, to show at once.
 */
export async function sendVolume(
  { file, size }: { file: string; size: number },
  { coarse, part, range }: VolumeQuery,
): Promise<Response> {
  if (/\.(h5|hdf5)$/i.test(file)) {
    const { image, label } = await readH5Case(file);
    const chosen = part === "label" ? label : image;
    if (!chosen) throw badInput(`${file}: has no label dataset`);
    return bytes(encoded(file, chosen));
  }
  if (!/\.nii(\.gz)?$/i.test(file))
    return bytes(encoded(file, (await firstOfSeveral(file)) ?? (await readVolume(file))));
  const thin = coarse ? await readCoarse(file, COARSE_EDGE) : null;
  if (thin) return bytes(encoded(file, thin));
  const first = await firstOfSeveral(file);
  if (first) return bytes(encoded(file, first));
  const stored = await openStored(file);
  await readHead(stored, 4); // refuses damaged gzip before an answer has begun
  return stored.gzip ? sendUnpacked({ file }) : sendFile({ file, size }, range);
}
