import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { badInput } from "../errors.js";

/** Writes beside the target, then renames: a reader never sees half a file. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(temporary, bytes, { flag: "wx" });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw badInput(`${path}: can't be written (${(cause as Error).message})`, cause);
  }
}
