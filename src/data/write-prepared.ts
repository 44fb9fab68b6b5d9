import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageVersion } from "../version.js";
import { writeLabelMap, writeVolume } from "../volume/write.js";
import { contentOf, settingsText } from "./case-cache.js";
import { putSmallFile, sha256 } from "./content-hash.js";
import type { CaseFiles } from "./dataset.js";
import { type LabelRepair, repaired } from "./label-repair.js";
import { type PrepareOptions, prepareRaw } from "./prepare.js";
import { readCase } from "./read-case.js";

/** A raw case, how it is prepared, and where the result goes. */
export interface WriteOrder {
  readonly files: CaseFiles;
  readonly options: PrepareOptions;
  readonly repair: LabelRepair;
  /** .nii.gz */
  readonly imageOut: string;
  /** .nii.gz; not written where the case has no label. */
  readonly labelOut: string;
  /** Folder in which it is remembered what results were made from. */
  readonly memory: string;
}

const keyOf = ({ options, repair }: WriteOrder, content: string): string =>
  sha256([packageVersion(), content, settingsText(options), JSON.stringify(repair)].join("\n"));

/**
 * Prepares a raw case and writes it as NIfTI on its own new grid, unless the same was written before. Says whether it
 * was written. Bad input: what reading, repairing or preparing refuses, naming the file.
 */
export async function writePrepared(order: WriteOrder): Promise<boolean> {
  const { files, imageOut, labelOut } = order;
  const key = keyOf(order, await contentOf(files, order.memory));
  const remembered = join(order.memory, `${files.id}.key`);
  const outputs = files.labelPath ? [imageOut, labelOut] : [imageOut];
  const known = existsSync(remembered) ? readFileSync(remembered, "utf8") : "";
  if (known === key && outputs.every((path) => existsSync(path))) return false;
  const raw = repaired(await readCase(files), order.repair, files.labelPath ?? files.imagePath);
  const { grid, image, label } = prepareRaw(raw, files, order.options);
  for (const path of outputs) await mkdir(dirname(path), { recursive: true });
  await writeVolume(imageOut, { grid, data: image });
  if (label) await writeLabelMap(labelOut, { grid, data: label });
  putSmallFile(remembered, key);
  return true;
}
