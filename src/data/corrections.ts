import { join } from "node:path";
import { namesIfThere } from "../files/there.js";

/** Folder of a data directory that holds labels drawn by a person; the data's own labels are never written to. */
export const CORRECTIONS_FOLDER = "labelsCorrected";

/** A drawn label of a case. Versions count from 1; the newest is the one in use. */
export interface Correction {
  readonly path: string;
  readonly version: number;
}

/** "la_003", 2 -> "la_003_v2.nii.gz" */
export const correctionName = (id: string, version: number): string => `${id}_v${version}.nii.gz`;
const NAME = /^(.+)_v([1-9]\d*)\.nii\.gz$/;

/** The newest correction of each case of a data directory; empty where there are none. */
export async function readCorrections(dir: string): Promise<Map<string, Correction>> {
  const folder = join(dir, CORRECTIONS_FOLDER);
  const newest = new Map<string, Correction>();
  for (const name of await namesIfThere(folder)) {
    const [, id, number] = NAME.exec(name) ?? [];
    if (id === undefined) continue;
    const version = Number(number);
    if (version > (newest.get(id)?.version ?? 0)) newest.set(id, { path: join(folder, name), version });
  }
  return newest;
}
