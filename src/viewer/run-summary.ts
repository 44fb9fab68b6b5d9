import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";
import type { SplitScores } from "../inference/evaluate.js";
import type { Evaluation } from "../metrics/score.js";
import type { Config } from "../training/config.js";
import { methodEntry } from "../training/method-catalog.js";
import { isBeingTrained, readRun } from "../training/run-directory.js";
import { LOG_NAME } from "../training/run-log.js";
import type { RunRecord } from "../training/run-record.js";
import { stagesOf } from "../training/stages.js";
import type { RunDetail, RunSummary } from "./api.js";
import type { Catalogue, Place } from "./catalogue.js";
import { lastLine } from "./tail.js";

/** A log that has not grown for so long belongs to no running training, where its lock can tell nothing. */
const SILENT_MS = 60_000;

export const EVALUATION = /^evaluation-(test|labeled|unlabeled)$/;

/** Whether scores and label maps are of these data: cases of others may have the same names. Data that are gone may be these, moved. */
export const isOfData = (dataDir: string, named: string | undefined): boolean =>
  named === undefined || !existsSync(named) || realpathSync(named) === realpathSync(dataDir);

/** The scores on a run's data that `evaluate` left in the run, by split. */
export function evaluationsOf(
  dir: string,
  dataDir: string | undefined,
): Map<string, Partial<SplitScores> & Evaluation> {
  const found = new Map<string, Partial<SplitScores> & Evaluation>();
  for (const name of readdirSync(dir).sort()) {
    const [, split] = EVALUATION.exec(name) ?? [];
    const path = join(dir, name, "scores.json");
    if (!split || !existsSync(path)) continue;
    const scores = parseJson(readTextFile(path, "an evaluation's scores")) as SplitScores;
    if (dataDir === undefined || isOfData(dataDir, scores.data)) found.set(split, scores);
  }
  return found;
}

function stateOf(dir: string): RunSummary["state"] {
  if (existsSync(join(dir, "model.safetensors"))) return "finished";
  if (isBeingTrained(dir)) return "running";
  const log = join(dir, LOG_NAME);
  const touched = statSync(existsSync(log) ? log : join(dir, "run.json")).mtimeMs;
  return Date.now() - touched < SILENT_MS ? "running" : "stopped";
}

const totalOf = (config: Config) => stagesOf(config).reduce((sum, { iterations }) => sum + iterations, 0);

/** Whether a method's student predicts a trained distribution. */
const isStochastic = ({ method }: Config) => methodEntry(method).stochastic !== null;

/** A run as lists show it. @throws PenumbraError "bad-input" as `readRun`. */
export function summaryOf(place: Place, catalogue: Catalogue): RunSummary {
  const { config, run } = readRun(place.dir);
  return summarize(place, catalogue, config, run);
}

const whyNoCases = ({ data }: RunRecord): string =>
  data === ""
    ? "its weights were imported: it has no cases of its own to show"
    : `${data}, which it was trained on, is not there; its cases can't be shown`;

function summarize(
  { id, name, dir }: Place,
  catalogue: Catalogue,
  config: Config,
  run: RunRecord,
): RunSummary {
  const data = catalogue.dataOf(run);
  const last = lastLine(join(dir, LOG_NAME)) as { total?: number } | null;
  const dice = [...evaluationsOf(dir, data?.dir)].map(([split, { mean }]) => [split, mean.dice]);
  return {
    id,
    name,
    dir,
    method: config.method,
    created: run.created,
    state: stateOf(dir),
    iterations: { done: last?.total ?? 0, total: totalOf(config) },
    labeled: run.labeled.length,
    unlabeled: run.unlabeled.length,
    classNames: run.classNames,
    stochastic: isStochastic(config),
    data: data?.id ?? null,
    dice: Object.fromEntries(dice),
    problem: data ? null : whyNoCases(run),
  };
}

/** A run in full. @throws PenumbraError "bad-input" as `readRun`. */
export function detailOf(place: Place, catalogue: Catalogue): RunDetail {
  const { config, run } = readRun(place.dir);
  const commit = run.git ? ` (${run.git.commit.slice(0, 8)}${run.git.modified ? ", modified" : ""})` : "";
  return {
    ...summarize(place, catalogue, config, run),
    stages: stagesOf(config).map(({ name, iterations }) => ({ name, iterations })),
    reports: readdirSync(place.dir).filter(
      (name) => EVALUATION.test(name) && existsSync(join(place.dir, name, "report.html")),
    ),
    facts: {
      method: config.method,
      "trained on": run.data,
      patch: `${config.data.patchSize.join(" x ")} (D x H x W)`,
      batch: `${config.data.labeledPerBatch} labeled + ${config.data.unlabeledPerBatch} unlabeled`,
      filters: String(config.model.filters),
      seed: String(config.seed),
      precision: run.precision,
      device: config.device,
      penumbra: `${run.penumbra}${commit}`,
      libtorch: run.libtorch,
      begun: run.created.slice(0, 16).replace("T", " "),
    },
  };
}
