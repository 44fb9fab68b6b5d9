import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { badInput } from "../errors.js";
import type { RawMember } from "./recipe.js";

/** All files below a folder, sorted; hidden ones and macOS's "._" doubles left out. Bad input: no such folder. */
export async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch((cause: Error) => {
    throw badInput(
      `${dir}: can't be listed (${cause.message}); name the folder with the raw data by --in`,
      cause,
    );
  });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * Parts cases into training and test: by the ids that were named, else the last ones in the order given.
 * Bad input: an id that no case has, nothing left on one side.
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
  const isTest = (id: string, i: number) => (testIds ? testIds.includes(id) : i >= first);
  return cases.map((files, i) => ({ files, part: isTest(files.id, i) ? "test" : "training" }));
}
