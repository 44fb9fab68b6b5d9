import { resolve } from "node:path";
import { type CaseFiles, type Dataset, openDataset } from "../data/dataset.js";
import { checkCase } from "../data/prepare.js";
import { badInput } from "../errors.js";
import { prepareOptions } from "../training/config.js";
import type { Grid } from "../volume/volume.js";
import { checkChannels, checkClasses, spacingDoubt } from "./data-fit.js";
import type { OpenedModel } from "./model.js";

/**
 * "test": the data's test cases; "labeled": those whose labels the run was trained with; "unlabeled": training cases whose
 * labels the run never saw, where the data has them.
 */
export type Split = "test" | "labeled" | "unlabeled";

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
  const labeledIds = split === "test" ? undefined : run[split];
  const dataset = await openDataset(resolve(data), { labeledIds, allowLinks });
  checkClasses(dataset, model);
  checkChannels(dataset, model);
  const all = split === "test" ? dataset.test : dataset.labeled;
  const cases = all.filter(({ labelPath }) => labelPath !== null);
  const listed = labeledIds?.length ?? all.length;
  if (cases.length === 0) throw badInput(nothingToScore(dataset.dir, split, listed));
  return { dataset, cases, leftOut: listed - cases.length };
}

function nothingToScore(dir: string, split: Split, listed: number): string {
  const whose = split === "test" ? "its" : "the run's";
  const why = listed === 0 ? `no ${split} case` : `no label for any of ${whose} ${listed} ${split} cases`;
  const other =
    split === "test"
      ? "score training cases with --split labeled or --split unlabeled"
      : "score another --split";
  return `${dir} has ${why}; add labels, or ${other}`;
}

/**
 * Reads every case before any is segmented. Returns a doubt about their voxel sizes, or null.
 * @throws PenumbraError "bad-input" for the first that is damaged or whose label does not fit
 */
export async function checkCases(
  cases: readonly CaseFiles[],
  { model, run }: Pick<OpenedModel, "model" | "run">,
): Promise<string | null> {
  const grids = new Map<string, Grid>();
  for (const files of cases) grids.set(files.id, await checkCase(files, prepareOptions(model.config)));
  return spacingDoubt(grids, model, run);
}
