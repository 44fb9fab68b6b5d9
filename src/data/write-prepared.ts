import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { makeDirectories } from "../files/directory.js";
import { writeText } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";
import { packageVersion } from "../version.js";
import { writeLabelMap, writeVolume } from "../volume/write.js";
import { contentOf, settingsText } from "./case-cache.js";
import { sha256OfText } from "./content-hash.js";
import type { CaseFiles } from "./dataset.js";
import { channelMark } from "./decathlon.js";
import { type LabelRepair, repaired } from "./label-repair.js";
import { channelOf, type PrepareOptions, prepareRaw } from "./prepare.js";
import { readCase } from "./read-case.js";

/** A raw case, how it is prepared, and where the result goes. */
export interface WriteOrder {
  readonly files: CaseFiles;
  readonly options: PrepareOptions;
  readonly repair: LabelRepair;
  /** .nii.gz; of several channels each has a file of its own, named as nnU-Net does: _0000.nii.gz, _0001.nii.gz … */
  readonly imageOut: string;
  /** .nii.gz; not written where the case has no label. */
  readonly labelOut: string;
  /** Folder in which it is remembered what results were made from. */
  readonly memory: string;
}

/** A result's path below the folder that holds the memory. */
const placeIn = (memory: string, path: string): string =>
  relative(dirname(memory), path).split(sep).join("/");

function keyOf({ options, repair, imageOut, labelOut, memory }: WriteOrder, content: string): string {
  const places = [imageOut, labelOut].map((path) => placeIn(memory, path));
  return sha256OfText(
    [packageVersion(), content, settingsText(options), JSON.stringify(repair), ...places].join("\n"),
  );
}

/** "a.nii.gz" of two channels: "a_0000.nii.gz", "a_0001.nii.gz". */
const channelFiles = (path: string, channels: number): string[] =>
  channels === 1
    ? [path]
    : Array.from({ length: channels }, (_, i) => path.replace(/\.nii\.gz$/, `${channelMark(i)}.nii.gz`));

/** The files that a case's images and its label are written to. */
function outputsOf({ files, options, imageOut, labelOut }: WriteOrder): { images: string[]; all: string[] } {
  const images = channelFiles(imageOut, options.channels ?? 1);
  return { images, all: files.labelPath ? [...images, labelOut] : images };
}

/** What changes when somebody writes a file anew; null where there is no file. */
function stampOf(path: string): string | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? `${found.size} ${found.mtimeMs}` : null;
}

/**
 * What is remembered of a case: the key of what its files were made from, empty until they are whole, then a line for each
 * of them with its place and, when it is whole, its stamp. Sets of earlier versions have the key alone.
 */
const memoryText = (key: string, memory: string, outputs: readonly string[]): string =>
  [
    key,
    ...outputs.map((path) => `${placeIn(memory, path)}\t${key === "" ? "" : (stampOf(path) ?? "")}`),
  ].join("\n");

const RESULT = /^(images|labels)T[rs]\/[^/]+\.nii\.gz$/;

/**
 * Removes the files that were written for another split or other raw data, and are none of these cases' now. What somebody
 * has changed since stays, and is named to `status`.
 * @throws PenumbraError where one can't be removed
 */
export function removeStale(
  orders: readonly WriteOrder[],
  memory: string,
  status: (line: string) => void,
): void {
  const current = new Set(
    orders.flatMap((order) => outputsOf(order).all.map((path) => placeIn(memory, path))),
  );
  const names = existsSync(memory) ? readdirSync(memory).filter((name) => name.endsWith(".key")) : [];
  let removed = 0;
  for (const name of names) {
    const [, ...lines] = readFileSync(join(memory, name), "utf8").split("\n");
    const files = lines.map((line) => line.split("\t") as [place: string, stamp: string]);
    for (const [place, stamp] of files.filter(([one]) => RESULT.test(one) && !current.has(one))) {
      const path = join(dirname(memory), place);
      const found = stampOf(path);
      if (found === null) continue;
      if (stamp !== "" && stamp !== found) {
        status(`${path}: of another split, and changed since it was written: it stays; move it elsewhere`);
        continue;
      }
      removeFile(path);
      removed++;
    }
    if (lines.length > 0 && !files.some(([place]) => current.has(place))) removeFile(join(memory, name));
  }
  if (removed > 0) status(`removed ${removed} files of another split or of cases that are gone`);
}

function removeFile(path: string): void {
  try {
    rmSync(path);
  } catch (error) {
    throw writeFailure(path, error, "can't be removed");
  }
}

/**
 * Prepares a raw case and writes it as NIfTI on its own new grid, unless the same was written before. Says whether it
 * was written. Bad input: what reading, repairing or preparing refuses, naming the file.
 */
export async function writePrepared(order: WriteOrder): Promise<boolean> {
  const { files, labelOut, memory } = order;
  const key = keyOf(order, await contentOf(files, order.memory));
  const remembered = join(order.memory, `${files.id}.key`);
  const { images, all: outputs } = outputsOf(order);
  const known = existsSync(remembered) ? readFileSync(remembered, "utf8").split("\n")[0] : "";
  if (known === key && outputs.every((path) => existsSync(path))) return false;
  const raw = repaired(
    await readCase(files, images.length),
    order.repair,
    files.labelPath ?? files.imagePath,
  );
  const prepared = prepareRaw(raw, files, order.options);
  const { grid, label } = prepared;
  for (const path of outputs) makeDirectories(dirname(path));
  makeDirectories(memory);
  writeText(remembered, memoryText("", memory, outputs)); // it vouches for none of the files until all are written
  for (const [i, path] of images.entries()) await writeVolume(path, { grid, data: channelOf(prepared, i) });
  if (label) await writeLabelMap(labelOut, { grid, data: label });
  writeText(remembered, memoryText(key, memory, outputs));
  return true;
}
