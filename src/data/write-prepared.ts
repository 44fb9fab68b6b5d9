import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { makeDirectories } from "../files/directory.js";
import { writeText } from "../files/whole-file.js";
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

function keyOf({ options, repair, imageOut, labelOut, memory }: WriteOrder, content: string): string {
  const places = [imageOut, labelOut].map((path) => relative(dirname(memory), path));
  return sha256OfText(
    [packageVersion(), content, settingsText(options), JSON.stringify(repair), ...places].join("\n"),
  );
}

/** "a.nii.gz" of two channels: "a_0000.nii.gz", "a_0001.nii.gz". */
const channelFiles = (path: string, channels: number): string[] =>
  channels === 1
    ? [path]
    : Array.from({ length: channels }, (_, i) => path.replace(/\.nii\.gz$/, `${channelMark(i)}.nii.gz`));

/**
 * Prepares a raw case and writes it as NIfTI on its own new grid, unless the same was written before. Says whether it
 * was written. Bad input: what reading, repairing or preparing refuses, naming the file.
 */
export async function writePrepared(order: WriteOrder): Promise<boolean> {
  const { files, imageOut, labelOut } = order;
  const key = keyOf(order, await contentOf(files, order.memory));
  const remembered = join(order.memory, `${files.id}.key`);
  const images = channelFiles(imageOut, order.options.channels ?? 1);
  const outputs = files.labelPath ? [...images, labelOut] : images;
  const known = existsSync(remembered) ? readFileSync(remembered, "utf8") : "";
  if (known === key && outputs.every((path) => existsSync(path))) return false;
  const raw = repaired(
    await readCase(files, images.length),
    order.repair,
    files.labelPath ?? files.imagePath,
  );
  const prepared = prepareRaw(raw, files, order.options);
  const { grid, label } = prepared;
  for (const path of outputs) makeDirectories(dirname(path));
  rmSync(remembered, { force: true }); // it vouches for none of the files until all are written
  for (const [i, path] of images.entries()) await writeVolume(path, { grid, data: channelOf(prepared, i) });
  if (label) await writeLabelMap(labelOut, { grid, data: label });
  makeDirectories(dirname(remembered));
  writeText(remembered, key);
  return true;
}
