import { join, resolve } from "node:path";
import { readCorrections } from "../data/corrections.js";
import { type CaseFiles, type Dataset, openDataset } from "../data/dataset.js";
import { prepareCase } from "../data/prepare.js";
import { sayCrowded } from "../engine/busy-cores.js";
import { badInput } from "../errors.js";
import { writeJson } from "../files/whole-file.js";
import { prepareOptions } from "../training/config.js";
import { checkChannels } from "./data-fit.js";
import { type EngineOptions, type OpenedModel, segment, withModel } from "./model.js";
import { WorkProgress } from "./work-progress.js";

export interface RankOptions extends EngineOptions {
  /** Run directory of a finished training; the ranking goes into it. */
  readonly run: string;
  /** Data directory; left out: the one the run was trained on. */
  readonly data?: string;
  /** Follow symbolic links that lead out of the data directory. */
  readonly allowLinks?: boolean;
  readonly onStatus?: (line: string) => void;
}

/** Unlabeled cases, the one to label next first. */
export interface Ranking {
  /** How they are ranked, in words. */
  readonly rule: string;
  readonly data: string;
  readonly cases: readonly { readonly id: string; readonly value: number }[];
}

/** The ranking's name in a run directory. */
export const RANKING_NAME = "ranking.json";
export const RANKING_RULE =
  "entropy per foreground voxel: the sum of the voxels' entropy (nats) over the number of voxels predicted as foreground, highest first";

/** Doubt of a whole case that does not grow with the organ's size; nothing predicted counts as one voxel. */
export function entropyPerForegroundVoxel(entropy: Float32Array, labels: Uint8Array): number {
  let [sum, foreground] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    sum += entropy[i]!;
    if (labels[i] !== 0) foreground++;
  }
  return sum / Math.max(1, foreground);
}

/**
 * Ranks the data's unlabeled training cases by how unsure a run is of them, and writes the run's ranking.json after every
 * case, so that an interrupted ranking shows what it has. Cases corrected meanwhile are labeled and left out.
 * @throws PenumbraError "bad-input": no finished run, no unlabeled case; "environment" for a missing device.
 */
export async function rank(options: RankOptions): Promise<Ranking> {
  return withModel(options.run, options, (opened) => rankWith(opened, options));
}

async function rankWith(
  { model, run, precision, threads }: OpenedModel,
  options: RankOptions,
): Promise<Ranking> {
  const status = options.onStatus ?? (() => {});
  if (options.data === undefined && run.imported)
    throw badInput(`${options.run} was imported and knows no data; name them with --data`);
  const dir = resolve(options.data ?? run.data);
  const allowLinks = options.allowLinks ?? false;
  const whole = await openDataset(dir, { allowLinks });
  // the run's own data, maybe moved since: cases whose labels it did not use are unlabeled to it
  const here = new Set(whole.labeled.map(({ id }) => id));
  const isOwn = run.labeled.length > 0 && run.labeled.every((id) => here.has(id));
  const dataset = isOwn ? await openDataset(dir, { labeledIds: run.labeled, allowLinks }) : whole;
  checkChannels(dataset, model);
  const cases = await stillUnlabeled(dataset);
  if (cases.length === 0) throw badInput(`${dir} has no unlabeled training case left to rank`);
  sayCrowded(threads, model.config.device, status);
  const progress = new WorkProgress(cases.length, status);
  const values: Ranking["cases"][number][] = [];
  for (const [i, files] of cases.entries()) {
    const scan = await prepareCase(files, prepareOptions(model.config));
    const onWindow = progress.next(`${files.id} (${i + 1}/${cases.length})`, 1);
    const { labels, uncertainty } = segment(model, scan, {
      precision,
      uncertainty: true,
      onWindow,
    });
    values.push({ id: files.id, value: entropyPerForegroundVoxel(uncertainty!, labels) });
    values.sort((a, b) => b.value - a.value);
    writeJson(join(options.run, RANKING_NAME), { rule: RANKING_RULE, data: dir, cases: values });
  }
  return { rule: RANKING_RULE, data: dir, cases: values };
}

/** Training cases that neither the run nor a person since has labels for. */
async function stillUnlabeled({ dir, unlabeled }: Dataset): Promise<CaseFiles[]> {
  const corrected = await readCorrections(dir);
  return unlabeled.filter(({ id }) => !corrected.has(id));
}
