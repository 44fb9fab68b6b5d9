import type { StoredCase } from "../data/case-file.js";
import type { Dataset } from "../data/dataset.js";
import type { Config } from "./config.js";
import { type NewRunOptions, planTraining } from "./run-plan.js";
import { casesFor, preparationOf, prepareTraining } from "./training-data.js";

export interface PrepareDataOptions extends Omit<NewRunOptions, "out" | "init" | "data"> {
  readonly data: string;
}

/** A data directory as a training takes it. */
export interface PreparedData {
  readonly config: Config;
  readonly dataset: Dataset;
  /** In files of the cache. */
  readonly labeled: readonly StoredCase[];
  readonly unlabeled: readonly StoredCase[];
  readonly cache: string;
}

/**
 * Prepares a data directory ahead of training: looks at it, derives settings where no preset is named, checks it and fills
 * the cache, all as `train` does, which then begins at once.
 * @throws PenumbraError as `train` before its first iteration; "interrupted" by `signal`: what is done stays in the cache
 */
export async function prepareData(options: PrepareDataOptions): Promise<PreparedData> {
  const { config, dataset } = await planTraining(options);
  const preparation = preparationOf(options);
  const cases = await prepareTraining(config, casesFor(config, dataset), preparation);
  return { config, dataset, ...cases, cache: preparation.cache };
}
