import { realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";

/** File endings that the page has a use for. */
const SERVED =
  /\.(nii|nii\.gz|png|json|jsonl|csv|html|svg|h5|hdf5|hdr|img|img\.gz|hdr\.gz|nrrd|nhdr|mha|mhd)$/i;

/** Why a file is not handed out. */
export type Refusal = "forbidden" | "missing";

/**
 * The file at `path` (with "/" between parts) below `dir`, with every symbolic link followed; a refusal when that leads
 * out of all `roots`, when it is no regular file, or nothing that the page shows.
 */
export function allowedFile(
  dir: string,
  path: string,
  roots: readonly string[],
): { file: string; size: number } | Refusal {
  const parts = path.split("/");
  if (path.includes("\0") || path.includes("\\") || parts.some((part) => part === "" || /^\.\.?$/.test(part)))
    return "forbidden";
  if (!SERVED.test(path)) return "forbidden";
  let file: string;
  try {
    file = realpathSync(join(dir, ...parts));
  } catch {
    return "missing";
  }
  if (!isInside(file, roots)) return "forbidden";
  const stat = statSync(file);
  return stat.isFile() ? { file, size: stat.size } : "missing";
}

/** Whether a real path lies in one of the directories, whose own links are followed too. */
export const isInside = (file: string, roots: readonly string[]): boolean =>
  roots.some((root) => {
    try {
      return file.startsWith(`${realpathSync(root)}${sep}`);
    } catch {
      return false;
    }
  });
