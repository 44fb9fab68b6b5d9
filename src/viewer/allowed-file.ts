import { realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { filesBehind } from "../volume/files-behind.js";

/** File endings that the page has a use for. */
const SERVED =
  /\.(nii|nii\.gz|png|json|jsonl|csv|html|svg|h5|hdf5|hdr|img|img\.gz|hdr\.gz|nrrd|nhdr|mha|mhd|tif|tiff)$/i;
/** Of these only the voxels: a DICOM file says who the patient is. */
const SHOWN = /\.dcm$/i;

/** Why a file is not handed out. */
export type Refusal = "forbidden" | "missing";

export interface AllowedFile {
  readonly file: string;
  readonly size: number;
}

/**
 * The file at `path` (with "/" between parts) below `dir`, with every symbolic link followed; a refusal when that leads
 * out of all `roots`, when it is no regular file, or nothing that the page shows.
 */
export function allowedFile(dir: string, path: string, roots: readonly string[]): AllowedFile | Refusal {
  return SERVED.test(path) ? fileAt(dir, path, roots) : "forbidden";
}

function fileAt(dir: string, path: string, roots: readonly string[]): AllowedFile | Refusal {
  const file = placeOf(dir, path, roots);
  if (file === "forbidden" || file === "missing") return file;
  const stat = statSync(file);
  return stat.isFile() ? { file, size: stat.size } : "missing";
}

/**
 * As `allowedFile`, for a scan to be read and shown: a DICOM file too, or a folder: a DICOM series. Nor may anything that is
 * read with it (a folder's files, the voxels of a header apart from them) lead out of the roots.
 */
export async function allowedScan(
  dir: string,
  path: string,
  roots: readonly string[],
): Promise<AllowedFile | Refusal> {
  const place = placeOf(dir, path, roots);
  if (place === "forbidden" || place === "missing") return place;
  const isFolder = statSync(place).isDirectory();
  const found = isFolder
    ? { file: place, size: 0 }
    : SHOWN.test(path)
      ? fileAt(dir, path, roots)
      : allowedFile(dir, path, roots);
  if (found === "forbidden" || found === "missing") return found;
  const behind = await filesBehind(place);
  return behind.every((file) => isInside(realpathSync(file), roots)) ? found : "forbidden";
}

/** Where a path below `dir` really lies, if that is in one of the roots. */
function placeOf(dir: string, path: string, roots: readonly string[]): string | Refusal {
  const parts = path.split("/");
  if (path.includes("\0") || path.includes("\\") || parts.some((part) => part === "" || /^\.\.?$/.test(part)))
    return "forbidden";
  let place: string;
  try {
    place = realpathSync(join(dir, ...parts));
  } catch {
    return "missing";
  }
  return isInside(place, roots) ? place : "forbidden";
}

/** Whether a real path lies in one of the directories, whose own links are followed too. */
const isInside = (file: string, roots: readonly string[]): boolean =>
  roots.some((root) => {
    try {
      return file.startsWith(`${realpathSync(root)}${sep}`);
    } catch {
      return false;
    }
  });
