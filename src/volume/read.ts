import { stat } from "node:fs/promises";
import { badInput } from "../errors.js";
import { bytesOf, NIFTI2_HEADER_BYTES, type NiftiHeader, parseNiftiHeader } from "./nifti-header.js";
import { decodeVoxels } from "./nifti-voxels.js";
import { openStored, readBytes, readHead, type StoredFile } from "./stored-file.js";
import { type Grid, type LabelMap, type Volume, voxelCount } from "./volume.js";

/** A volume thinner than this along any axis is no 3-D image to segment. */
const MIN_EDGE_VOXELS = 4;
/** Rounding that slope and float storage may leave on a whole number. */
const WHOLE_TOLERANCE = 1e-3;

/** `a.hdr.gz` -> [`a.img.gz`, `a.img`], and the other way round: the partner of half a pair, likeliest first. */
function partners(path: string): string[] {
  const [, base, half, gz] = /^(.*)\.(hdr|img)(\.gz)?$/i.exec(path) ?? [];
  if (base === undefined) return [];
  const other = half!.toLowerCase() === "hdr" ? "img" : "hdr";
  return [`${base}.${other}${gz ?? ""}`, `${base}.${other}${gz ? "" : ".gz"}`];
}

async function findPartner(path: string): Promise<string> {
  const names = partners(path);
  for (const name of names) if (await stat(name).catch(() => null)) return name;
  throw badInput(
    `${path}: half of a header and image pair, but ${names[0] ?? "its other half"} is missing; put both in one folder`,
  );
}

interface Stored {
  readonly header: NiftiHeader;
  readonly voxels: StoredFile;
}

async function openImage(path: string): Promise<Stored> {
  const isImg = /\.img(\.gz)?$/i.test(path);
  const named = await openStored(path);
  const head = isImg ? await openStored(await findPartner(path)) : named;
  const header = parseNiftiHeader(await readHead(head, NIFTI2_HEADER_BYTES), head.path);
  if (!header.isPair) return { header, voxels: head };
  return { header, voxels: isImg ? named : await openStored(await findPartner(path)) };
}

/**
 * Reads a 3-D NIfTI-1 or NIfTI-2 image: .nii, .nii.gz, or .hdr with .img (each maybe .gz, either one named).
 * Intensities are after slope and intercept; [D, H, W] is the file's own order, x fastest. Nothing is reoriented:
 * training sees the stored axes and a result written with this grid lies exactly on the image.
 * Bad input (one line naming the file): missing, damaged, cut short, not NIfTI, 4-D, complex or color, or fewer
 * than 4 voxels along an axis; refused before memory is taken for what a header merely claims.
 */
export async function readVolume(path: string): Promise<Volume> {
  const { header, voxels } = await openVolume(path);
  return decode(header, voxels);
}

/** Only the grid of an image, from its header. Bad input: what `readVolume` refuses before it reads voxels. */
export const readGrid = async (path: string): Promise<Grid> => (await openVolume(path)).header.grid;

async function openVolume(path: string): Promise<Stored> {
  const { header, voxels } = await openImage(path);
  const { shape } = header.grid;
  if (Math.min(...shape) < MIN_EDGE_VOXELS) {
    throw badInput(
      `${path}: an image of only ${[...shape].reverse().join(" x ")} voxels; expected at least ${MIN_EDGE_VOXELS} along every axis`,
    );
  }
  return { header, voxels };
}

async function decode(header: NiftiHeader, voxels: StoredFile): Promise<Volume> {
  const raw = await readBytes(voxels, header.offset, voxelCount(header.grid.shape) * bytesOf(header.type));
  return { grid: header.grid, data: decodeVoxels(raw, header) };
}

/** Numbers -> classes 0..255; bad input names the file and the first value that is none. */
export function toLabels(values: ArrayLike<number>, file: string): Uint8Array {
  const labels = new Uint8Array(values.length);
  for (let i = 0; i < labels.length; i++) {
    const value = values[i]!;
    const whole = Math.round(value);
    if (!(Math.abs(value - whole) <= WHOLE_TOLERANCE && whole >= 0 && whole <= 255)) {
      throw badInput(`${file}: holds ${value} at voxel ${i}; a label map holds whole numbers from 0 to 255`);
    }
    labels[i] = whole;
  }
  return labels;
}

/** Reads a NIfTI label map, stored as integers or floats. As `readVolume`; also bad input: a value that is no class. */
export async function readLabelMap(path: string): Promise<LabelMap> {
  const { header, voxels } = await openImage(path);
  const { grid, data } = await decode(header, voxels);
  return { grid, data: toLabels(data, path) };
}
