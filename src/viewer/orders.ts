import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { openDataset } from "../data/dataset.js";
import { imagePathsOf } from "../data/image-paths.js";
import type { Job, RunSummary } from "./api.js";
import { MAPS_FOLDER } from "./case-table.js";
import type { Place } from "./catalogue.js";
import type { Jobs } from "./jobs.js";
import { caseOf } from "./not-there.js";

/** Samples that the page asks for: pairs, so that their mean is the prediction's. */
const SAMPLES = 8;

/**
 * Has a case segmented with its uncertainty and, where the method learns a distribution, samples of it. They are written
 * aside and moved into the run's maps when all are there.
 */
export async function orderMaps(jobs: Jobs, run: RunSummary, data: Place, id: string): Promise<Job> {
  const files = caseOf(await openDataset(data.dir), id);
  await mkdir(join(run.dir, MAPS_FOLDER), { recursive: true });
  const aside = await mkdtemp(join(run.dir, MAPS_FOLDER, ".unfinished-"));
  const samples = run.stochastic ? ["--samples", String(SAMPLES)] : [];
  return jobs.add({
    kind: "maps",
    run: run.id,
    subject: id,
    args: [
      ...["predict", ...imagePathsOf(files), "--run", run.dir, "--out", aside],
      ...["--format", "nifti", "--uncertainty", ...samples],
    ],
    finish: () => moveAll(aside, join(run.dir, MAPS_FOLDER), id),
    cleanUp: () => rm(aside, { recursive: true, force: true }),
  });
}

/** Results are named by the image's file, as h5 ones are by their folder: here by the case. */
async function moveAll(from: string, to: string, id: string): Promise<void> {
  const names = await readdir(from);
  const shortest = names.reduce((a, b) => (b.length < a.length ? b : a), names[0] ?? "");
  const stem = shortest.slice(0, -".nii.gz".length);
  for (const name of names) await rename(join(from, name), join(to, id + name.slice(stem.length)));
}

/** Has a run's unlabeled cases ranked by uncertainty. */
export const orderRanking = (jobs: Jobs, run: Place, data: Place): Job =>
  jobs.add({
    kind: "ranking",
    run: run.id,
    subject: "unlabeled cases",
    args: ["rank", "--run", run.dir, "--data", data.dir],
  });
