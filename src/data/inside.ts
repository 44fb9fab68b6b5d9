import { realpath } from "node:fs/promises";
import { isAbsolute, relative, sep } from "node:path";
import { badInput, printable } from "../errors.js";
import { filesBehind } from "../volume/files-behind.js";
import type { CaseFiles } from "./dataset.js";
import { imagePathsOf } from "./image-paths.js";

/** Longest name of a case; file systems take 255 bytes, and results add to it. */
const MAX_NAME_LETTERS = 200;

/** Whether a real path lies in a real directory, or is it. */
export const isInside = (dir: string, path: string): boolean => {
  const inside = relative(dir, path);
  return inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
};

/**
 * Refuses cases whose files are links that lead out of their data folder, or whose headers' voxels or folders' files are.
 * The folder itself may be reached through a link, and links within it are followed.
 * @throws PenumbraError "bad-input" naming the link and where it leads
 */
export async function checkInside(dir: string, cases: readonly CaseFiles[]): Promise<void> {
  const root = await realpath(dir);
  for (const files of cases) {
    const listed = new Set([...imagePathsOf(files), files.labelPath ?? files.imagePath]);
    for (const path of listed) {
      await checkPlace(dir, path, root);
      for (const file of await filesBehind(path)) await checkPlace(dir, file, root);
    }
  }
}

/** @throws PenumbraError "bad-input" where a file is a link that leads out of a folder; `root` is where that really lies */
export async function checkPlace(dir: string, file: string, root?: string): Promise<void> {
  const target = await realpath(file);
  if (isInside(root ?? (await realpath(dir)), target)) return;
  throw badInput(
    `${file}: a link that leads out of ${dir}, to ${target}; copy the file there, or allow such links with --allow-links (which view has not)`,
  );
}

/**
 * A case's name, which results are named by. @throws PenumbraError "bad-input" where it can't be a file's name in every
 * folder: empty, hidden, with a separator, very long, or with characters that change what a terminal shows
 */
export function checkCaseName(name: string, file: string): string {
  const odd = name === "" || name.startsWith(".") || name.length > MAX_NAME_LETTERS || /[/\\]/.test(name);
  if (!odd && printable(name) === name) return name;
  throw badInput(
    `${file}: ${JSON.stringify(name.slice(0, MAX_NAME_LETTERS))} can't be a case's name, which results are named by; rename the file`,
  );
}

/** @throws PenumbraError "bad-input" where two cases have one name */
export function checkDistinct(cases: readonly CaseFiles[]): void {
  const seen = new Map<string, string>();
  for (const { id, imagePath } of cases) {
    const before = seen.get(id);
    if (before)
      throw badInput(`${imagePath}: has the same case name, ${id}, as ${before}; leave one of them out`);
    seen.set(id, imagePath);
  }
}
