import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** The files of a folder that are not hidden, by name; links to files among them, folders in it not. */
export async function filesIn(dir: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of (await readdir(dir)).sort()) {
    const path = join(dir, name);
    if (!name.startsWith(".") && (await stat(path).catch(() => null))?.isFile()) files.push(path);
  }
  return files;
}
