import { stat } from "node:fs/promises";
import { join } from "node:path";
import { badInput } from "../errors.js";
import { readTextFile } from "../files/text-file.js";
import { ifThere } from "../files/there.js";
import { h5HasLabel } from "../volume/read-h5.js";
import type { CaseFiles, Cases } from "./dataset.js";

/** Case names of a list file, one a line; null where there is no such file. */
async function readList(file: string): Promise<string[] | null> {
  if (!(await ifThere(file, stat))) return null;
  const names = readTextFile(file, "a list of cases")
    .split(/\r?\n/)
    .map((line) => line.trim());
  const cases = names.filter((name) => name !== "");
  const odd = cases.find((name) => !/^[\w-][\w.-]*$/.test(name));
  if (odd)
    throw badInput(
      `${file}: ${JSON.stringify(odd)} is no case name; expected names of folders beside it, one a line`,
    );
  const again = cases.find((name, i) => cases.indexOf(name) !== i);
  if (again) throw badInput(`${file}: ${again} is listed twice`);
  return cases;
}

async function filesOf(dir: string, id: string): Promise<CaseFiles> {
  const path = join(dir, id, "mri_norm2.h5");
  return { id, imagePath: path, labelPath: (await h5HasLabel(path)) ? path : null };
}

/**
 * Reads a folder as the left-atrium literature passes it around (Yu et al. 2019): train.list, test.list and
 * `<case>/mri_norm2.h5`. A case without a label dataset is unlabeled. Bad input: a list that is odd, a case that is
 * missing or damaged.
 */
export async function readLaH5(dir: string): Promise<Cases> {
  const casesOf = async (list: string) => {
    const found: CaseFiles[] = [];
    for (const id of (await readList(join(dir, list))) ?? []) found.push(await filesOf(dir, id));
    return found;
  };
  const training = await casesOf("train.list");
  if (training.length === 0) throw badInput(`${join(dir, "train.list")}: lists no case; expected one a line`);
  const test = await casesOf("test.list");
  const both = test.find(({ id }) => training.some((other) => other.id === id));
  if (both)
    throw badInput(
      `${join(dir, "test.list")}: ${both.id} is in train.list too; a test case can't be trained on`,
    );
  return {
    layout: "la-h5",
    classNames: ["background", "left atrium"],
    modality: "MRI",
    channelNames: ["MRI"],
    training,
    test,
    remarks: [],
  };
}
