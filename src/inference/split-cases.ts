import { resolve } from "node:path";
import { type CaseFiles, type Dataset, openDataset } from "../data/dataset.js";
import { checkCase } from "../data/prepare.js";
import { badInput, PenumbraError } from "../errors.js";
import { prepareOptions } from "../training/config.js";
import { caseProgress } from "../training/training-data.js";
import type { Grid } from "../volume/volume.js";
import { checkChannels, checkClasses, spacingDoubt } from "./data-fit.js";
import type { OpenedModel } from "./model.js";

/**
 * "test": the data's test cases; "labeled": those whose labels the run was trained with; "unlabeled": training cases whose
 * labels the run never saw, where the data has them.
 */
export type Split = (typeof SPLITS)[number];
const SPLITS = ["test", "labeled", "unlabeled"] as const;

/** The cases of a split that can be scored. */
export interface SplitCases {
  readonly dataset: Dataset;
  readonly cases: readonly CaseFiles[];
  /** Cases of the split without a label, which are not among `cases`. */
  readonly leftOut: number;
}

/**
 * Opens data for the scores of a run. Of "labeled" and "unlabeled" the run says which cases they are.
 * @throws PenumbraError "bad-input" for data that don't fit the run, or without a label for the split
 */
export async function openSplit(
  { model, run }: Pick<OpenedModel, "model" | "run">,
  { data, split, allowLinks }: { data: string; split: Split; allowLinks?: boolean },
): Promise<SplitCases> {
  if (!SPLITS.includes(split)) throw badInput(`split "${split}": expected ${SPLITS.join(", ")}`);
  const labeledIds = split === "test" ? undefined : run[split];
  const dataset = await openDataset(resolve(data), { labeledIds, allowLinks });
  checkClasses(dataset, model);
  checkChannels(dataset, model);
  const all = split === "test" ? dataset.test : dataset.labeled; // which are the cases of `labeledIds`
  const cases = all.filter(({ labelPath }) => labelPath !== null);
  const listed = labeledIds?.length ?? all.length;
  if (cases.length === 0) throw badInput(nothingToScore(dataset.dir, split, listed));
  return { dataset, cases, leftOut: listed - cases.length };
}

function nothingToScore(dir: string, split: Split, listed: number): string {
  if (split !== "test" && listed === 0)
    return `the run was trained with no ${split} case; score another --split`;
  const whose = split === "test" ? "its" : "the run's";
  const why = listed === 0 ? "no test case" : `no label for any of ${whose} ${listed} ${split} cases`;
  const other =
    split === "test"
      ? "score training cases with --split labeled or --split unlabeled"
      : "score another --split";
  return `${dir} has ${why}; add labels, or ${other}`;
}

/**
 * Reads every case before any is segmented. Returns a doubt about their voxel sizes, or null.
 * @throws PenumbraError "bad-input" for the first that is damaged, whose label does not fit, or that stores voxel sizes
 *   where others don't; "interrupted" by `signal`
 */
export async function checkCases(
  cases: readonly CaseFiles[],
  { model, run }: Pick<OpenedModel, "model" | "run">,
  { onStatus, signal }: { onStatus?: (line: string) => void; signal?: AbortSignal },
): Promise<string | null> {
  const told = caseProgress("looked at", onStatus ?? (() => {}));
  const grids = new Map<string, Grid>();
  for (const files of cases) {
    if (signal?.aborted) throw new PenumbraError("interrupted", "stopped before the first case was scored");
    const grid = await checkCase(files, prepareOptions(model.config));
    const [first = grid] = grids.values();
    if ((grid.spacingMm === null) !== (first.spacingMm === null))
      throw badInput(
        `${files.imagePath}: ${grid.spacingMm ? "stores" : "lacks"} voxel sizes, unlike the cases before; ` +
          "distances in mm and in voxels have no common mean: repair the headers",
      );
    grids.set(files.id, grid);
    told(grids.size, cases.length);
  }
  return spacingDoubt(grids, model, run);
}
