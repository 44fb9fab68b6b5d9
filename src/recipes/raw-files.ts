import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { checkPlace } from "../data/inside.js";
import { badInput } from "../errors.js";
import type { RawMember } from "./recipe.js";

/**
 * All files below a folder, sorted; hidden ones and macOS's "._" doubles left out. Bad input: no such folder, a link that
 * leads out of it unless that is allowed.
 */
export async function filesBelow(dir: string, allowLinks: boolean): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch((cause: Error) => {
    throw badInput(
      `${dir}: can't be listed (${cause.message}); name the folder with the raw data by --in`,
      cause,
    );
  });
  const files: string[] = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith("."))) {
    const path = join(entry.parentPath ?? entry.path, entry.name); // before Node 20.12 it is named path
    const isLink = entry.isSymbolicLink() && (await isFile(path));
    if (isLink && !allowLinks) await checkPlace(dir, path);
    if (isLink || entry.isFile()) files.push(path);
  }
  return files.sort();
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

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
