import { stat } from "node:fs/promises";
import { badInput } from "../errors.js";
import { NIFTI2_HEADER_BYTES, type NiftiHeader, parseNiftiHeader } from "./nifti-header.js";
import { openStored, readBytes, readHead, type StoredFile } from "./stored-file.js";
import { bytesOf, type StoredImage } from "./stored-image.js";
import { viewStored } from "./stored-voxels.js";

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

interface Parts {
  readonly header: NiftiHeader;
  readonly head: StoredFile;
  readonly voxels: StoredFile;
}

async function openParts(path: string): Promise<Parts> {
  const isImg = /\.img(\.gz)?$/i.test(path);
  const named = await openStored(path);
  const head = isImg ? await openStored(await findPartner(path)) : named;
  const header = parseNiftiHeader(await readHead(head, NIFTI2_HEADER_BYTES), head.path);
  if (!header.isPair) return { header, head, voxels: head };
  return { header, head, voxels: isImg ? named : await openStored(await findPartner(path)) };
}

/** Opens a NIfTI-1 or NIfTI-2 image: .nii, .nii.gz, or .hdr with .img (each maybe .gz, either one named). */
export async function openNifti(path: string): Promise<StoredImage> {
  const { header, head, voxels } = await openParts(path);
  const { version, grid, extents, type, littleEndian, slope, intercept, offset, odd } = header;
  const bytes = extents.reduce((product, n) => product * n, bytesOf(type));
  return {
    path,
    otherFiles: [head.path, voxels.path].filter((file) => file !== path),
    format: `NIfTI-${version}`,
    grid,
    extents,
    type,
    littleEndian,
    slope,
    intercept,
    odd,
    load: async () => viewStored(await readBytes(voxels, offset, bytes), type, littleEndian),
  };
}
