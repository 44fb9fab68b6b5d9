import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { badInput } from "../errors.js";
import { ifThere, namesIfThere } from "../files/there.js";
import { type Correction, readCorrections } from "./corrections.js";
import { readDecathlon } from "./decathlon.js";
import { checkCaseName, checkInside } from "./inside.js";
import { readLaH5 } from "./la-h5.js";

/** Where a case's image and label are; in one file for h5. */
export interface CaseFiles {
  readonly id: string;
  /** Of the first channel, or of all where one file holds them. */
  readonly imagePath: string;
  /** Of the further channels, in their order, where each has a file of its own. */
  readonly otherChannels?: readonly string[];
  readonly labelPath: string | null;
}

export type Layout = "decathlon" | "la-h5";

/** A data folder's cases as its layout lists them. */
export interface Cases {
  readonly layout: Layout;
  /** Background first. */
  readonly classNames: readonly string[];
  /** What the images are, as the layout says it, such as "CT", or "T1, T2" of two channels; null where it does not. */
  readonly modality: string | null;
  /** Of each image, in their order; one or more, "image" where the layout names none. */
  readonly channelNames: readonly string[];
  readonly training: readonly CaseFiles[];
  readonly test: readonly CaseFiles[];
  /** Where lists and files don't agree and something is left out for it: a line each, with what to do. */
  readonly remarks: readonly string[];
}

/** A data folder, its training cases parted by what labels may be used. Paths are absolute. */
export interface Dataset {
  readonly dir: string;
  readonly layout: Layout;
  readonly classNames: readonly string[];
  readonly modality: string | null;
  readonly channelNames: readonly string[];
  readonly labeled: readonly CaseFiles[];
  readonly unlabeled: readonly CaseFiles[];
  readonly test: readonly CaseFiles[];
  /** As `Cases` has them. */
  readonly remarks: readonly string[];
}

const READERS: ReadonlyArray<{ readonly marker: string; readonly read: (dir: string) => Promise<Cases> }> = [
  { marker: "dataset.json", read: readDecathlon },
  { marker: "train.list", read: readLaH5 },
];

async function checkFolder(dir: string): Promise<void> {
  const expected = "expected a data folder with dataset.json or train.list";
  const folder = await ifThere(dir, stat);
  if (!folder) throw badInput(`${dir}: no such folder; ${expected}`);
  if (!folder.isDirectory()) throw badInput(`${dir}: is a file; ${expected}`);
  await namesIfThere(dir); // refused where it can't be looked into
}

async function readCases(dir: string): Promise<Cases> {
  await checkFolder(dir);
  for (const { marker, read } of READERS) {
    if (await ifThere(join(dir, marker), stat)) return read(dir);
  }
  throw badInput(
    `${dir}: has neither dataset.json (Decathlon, nnU-Net) nor train.list (left atrium h5); add one`,
  );
}

/** A refusal with what may explain it. */
export const withRemarks = (line: string, { remarks }: Pick<Cases, "remarks">): string =>
  [line, ...remarks].join("; ");

/** How many labels are used: what is asked for, checked against what there is. */
function labelsToUse(asked: number | undefined, cases: Cases, dir: string): number {
  const have = cases.training.filter(({ labelPath }) => labelPath !== null).length;
  if (asked === undefined) return have;
  if (!Number.isInteger(asked) || asked < 1)
    throw badInput(`${dir}: labeled is ${asked}; expected a whole number of 1 or more`);
  if (have === 0)
    throw badInput(
      withRemarks(
        `${dir}: ${asked} labeled cases asked for but none of the ${cases.training.length} training cases has a label; label at least one (labelsTr, and "label" in dataset.json)`,
        cases,
      ),
    );
  if (asked > have) {
    throw badInput(
      `${dir}: ${asked} labeled cases asked for but only ${have} of the ${cases.training.length} training cases have labels; ask for at most ${have}`,
    );
  }
  return asked;
}

/** Which labels of a data folder are used, and how far its files may be trusted. */
export interface OpenOptions {
  /** The first so many of the data's own labels; left out: all. */
  readonly labeled?: number;
  /** Exactly these cases, as a run recorded them. */
  readonly labeledIds?: readonly string[];
  /** Follow symbolic links of case files that lead out of the folder. */
  readonly allowLinks?: boolean;
}

/**
 * Opens a data folder: Decathlon or nnU-Net layout (dataset.json) or the literature's left-atrium h5 (train.list).
 * With `labeled: N` only the first N labels of the training list are used and the rest of it counts as unlabeled;
 * those cases keep no label path. A training case with a correction (`labelsCorrected`) is labeled by it in any case,
 * beside those N. Bad input: no such folder or layout, a missing image, fewer labels than N, a file that lies outside
 * the folder, a case whose name can't name results.
 */
export async function openDataset(dir: string, options: OpenOptions = {}): Promise<Dataset> {
  const root = resolve(dir);
  const cases = await readCases(root);
  const corrections = await readCorrections(root);
  const training = cases.training.map((files) => {
    const corrected = corrections.get(files.id);
    return corrected ? { ...files, labelPath: corrected.path } : files;
  });
  const all = [...training, ...cases.test];
  for (const { id, imagePath } of all) checkCaseName(id, imagePath);
  if (!options.allowLinks) await checkInside(root, all);
  const chosen = options.labeledIds ?? chooseLabeled(cases, corrections, root, options.labeled);
  const isLabeled = new Set(chosen);
  const labeled = training.filter(({ id, labelPath }) => labelPath !== null && isLabeled.has(id));
  const unlabeled = training
    .filter((files) => !labeled.includes(files))
    .map((files) => ({ ...files, labelPath: null }));
  const { layout, classNames, modality, channelNames, test, remarks } = cases;
  return { dir: root, layout, classNames, modality, channelNames, labeled, unlabeled, test, remarks };
}

/** The first labels of the data itself, as many as are to be used, and every corrected case. */
function chooseLabeled(
  cases: Cases,
  corrections: ReadonlyMap<string, Correction>,
  root: string,
  asked: number | undefined,
): string[] {
  const own = cases.training.filter(({ labelPath }) => labelPath !== null);
  return [...own.slice(0, labelsToUse(asked, cases, root)).map(({ id }) => id), ...corrections.keys()];
}
