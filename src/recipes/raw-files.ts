import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { checkPlace, isInside } from "../data/inside.js";
import { badInput, PenumbraError } from "../errors.js";
import type { RawMember } from "./recipe.js";

/**
 * All files below a folder, sorted; hidden ones and macOS's "._" doubles left out. Bad input: no such folder, a link that
 * leads out of it unless that is allowed.
 */
export async function filesBelow(dir: string, allowLinks: boolean): Promise<string[]> {
  const files: string[] = [];
  const root = await realpath(dir).catch(() => dir);
  const look = async (folder: string, above: readonly string[]): Promise<void> => {
    const real = await realpath(folder);
    if (above.includes(real)) return; // a link to a folder that it lies in
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = join(folder, entry.name);
      const found = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry;
      if (found && entry.isSymbolicLink() && !allowLinks) await checkPlace(dir, path);
      if (found?.isFile()) files.push(path);
      if (!found?.isDirectory()) continue;
      // a link to a folder in here: what lies there is found there
      if (entry.isSymbolicLink() && isInside(root, await realpath(path))) continue;
      await look(path, [...above, real]);
    }
  };
  await look(dir, []).catch((cause: Error) => {
    if (cause instanceof PenumbraError) throw cause;
    throw badInput(
      `${dir}: can't be listed (${cause.message}); name the folder with the raw data by --in`,
      cause,
    );
  });
  return files.sort();
}

/**
 * Parts cases into training and test: by the ids that were named, else the last ones in the order given.
 * Bad input: an id that no case has, nothing left to train on.
 */
export function split(
  cases: readonly RawMember["files"][],
  testIds: readonly string[] | null,
  lastForTest: number,
): RawMember[] {
  const unknown = testIds?.find((id) => !cases.some((files) => files.id === id));
  if (unknown !== undefined)
    throw badInput(
      `--test-list names ${unknown}, but the raw data has no such case; they are called ${cases[0]?.id}, ${cases[1]?.id} …`,
    );
  const first = cases.length - lastForTest;
  if (testIds && cases.every(({ id }) => testIds.includes(id)))
    throw badInput(
      `--test-list names all ${cases.length} cases, so none is left to train on; leave some out`,
    );
  const isTest = (id: string, i: number) => (testIds ? testIds.includes(id) : i >= first);
  return cases.map((files, i) => ({ files, part: isTest(files.id, i) ? "test" : "training" }));
}
