import type { CaseFiles } from "../data/dataset.js";
import { openImage } from "../volume/format.js";
import { NIFTI2_HEADER_BYTES, parseNiftiHeader } from "../volume/nifti-header.js";
import { readVolume } from "../volume/read.js";
import { openChannels } from "../volume/read-channels.js";
import { readH5Case } from "../volume/read-h5.js";
import { openStored, readHead } from "../volume/stored-file.js";
import type { Grid, LabelMap, Volume } from "../volume/volume.js";
import { encodeNifti } from "../volume/write-nifti.js";
import { labelVoxels, type WrittenVoxels } from "../volume/written-voxels.js";
import { labelOnImage, liesOn } from "./reference.js";
import { sendFile, sendUnpacked } from "./send-file.js";

export interface VolumeQuery {
  /** The image that it is the label of; null: it is an image, or a map on its image's grid. */
  readonly labelOf: { readonly files: CaseFiles; readonly grid: Grid } | null;
  readonly range: string | undefined;
}

const bytes = (body: Buffer): Response =>
  new Response(new Uint8Array(body), { headers: { "Content-Type": "application/octet-stream" } });

const isNifti = (file: string): boolean => /\.nii(\.gz)?$/i.test(file);

/** Intensities as int16 where that loses nothing, as in CT: half as much to send and to draw. */
function intensityVoxels(data: Float32Array): WrittenVoxels {
  const whole = Int16Array.from(data);
  return data.every((value, i) => value === whole[i])
    ? { type: "i16", data: whole, slope: 1 }
    : { type: "f32", data, slope: 1 };
}

const encoded = (file: string, { grid, data }: Volume | LabelMap): Buffer =>
  encodeNifti(file, grid, data instanceof Float32Array ? intensityVoxels(data) : labelVoxels(data));

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
 * it is not, and made anew from any other format, a DICOM series (a folder) among them; of several channels the first.
 */
export async function sendVolume(
  { file, size }: { file: string; size: number },
  { labelOf, range }: VolumeQuery,
): Promise<Response> {
  if (labelOf && !(isNifti(file) && (await liesOn(file, labelOf.grid))))
    return bytes(encoded(file, await labelOnImage(file, labelOf.grid, labelOf.files)));
  if (/\.(h5|hdf5)$/i.test(file)) return bytes(encoded(file, (await readH5Case(file)).image));
  const first = labelOf ? null : await firstOfSeveral(file);
  if (first) return bytes(encoded(file, first));
  if (!isNifti(file)) return bytes(encoded(file, await readVolume(file)));
  const stored = await openStored(file);
  parseNiftiHeader(await readHead(stored, NIFTI2_HEADER_BYTES), file); // refuses damage before an answer has begun
  return stored.gzip ? sendUnpacked({ file }) : sendFile({ file, size }, range);
}
