import { medianOf } from "../data/fingerprint.js";
import type { Series } from "../report/chart.js";
import type { ReportSection } from "../report/report.js";
import type { Config } from "../training/config.js";
import { methodEntry } from "../training/method-catalog.js";
import { correctedLabels } from "../training/run-directory.js";
import type { LogEntry } from "../training/run-log.js";
import type { RunRecord } from "../training/run-record.js";
import { stagesOf } from "../training/stages.js";
import type { Model } from "./model.js";
import type { Split, SplitCases } from "./split-cases.js";

/** What a run and its evaluation were made from and with. */
export interface ReportFacts {
  readonly config: Config;
  readonly run: RunRecord;
  readonly log: readonly LogEntry[];
  /** Precision of this evaluation, beside the training's in `run`. */
  readonly precision: string;
  readonly evaluated: string;
  readonly secondsPerCase: number;
  readonly command: string | null;
}

const stageNames = (log: readonly LogEntry[]): string[] => [...new Set(log.map(({ stage }) => stage))];

/** "stage1 3.12, stage2 2.40": the median of each stage, since first iterations and saving are slower. */
function paceOf(log: readonly LogEntry[]): string {
  const paces = stageNames(log).map((stage) => {
    const seconds = log.filter((entry) => entry.stage === stage).map((entry) => entry.secondsPerIteration);
    return `${stage} ${medianOf(seconds).toFixed(2)}`;
  });
  return paces.join(", ") || "not logged";
}

/** "2026-11-24T08:34:16.298Z" -> "2026-11-24 08:34 UTC" */
const momentOf = (iso: string): string => `${iso.slice(0, 16).replace("T", " ")} UTC`;

/** How the network came to its weights: by training here, or from a file. */
function originOf({ config, run, log }: ReportFacts): Record<string, string> {
  const { imported } = run;
  if (imported) {
    return {
      weights: `${imported.file} (${imported.form}, SHA-256 ${imported.sha256})`,
      imported: momentOf(run.created),
    };
  }
  return {
    "trained on": run.data,
    "labels used": `${run.labeled.length} cases, ${run.unlabeled.length} more without labels`,
    iterations: stagesOf(config)
      .map(({ name, iterations }) => `${name} ${iterations}`)
      .join(", "),
    "seconds per iteration": paceOf(log),
    trained: momentOf(run.created),
  };
}

/** Names and values of what a reader of the report must know. */
export function factsOf(facts: ReportFacts): Record<string, string> {
  const { config, run, precision, evaluated, secondsPerCase, command } = facts;
  const commit = run.git ? ` (${run.git.commit.slice(0, 8)}${run.git.modified ? ", modified" : ""})` : "";
  return {
    method: config.method,
    evaluated,
    ...originOf(facts),
    "seconds per case": secondsPerCase.toPrecision(2),
    precision: run.imported ? precision : `${run.precision} in training, ${precision} here`,
    seed: String(config.seed),
    penumbra: `${run.penumbra}${commit}`,
    libtorch: run.libtorch,
    ...(command && { command }),
  };
}

type Curves = ReportSection["curves"];

/** A run's log as charts: the loss terms of each stage before their weights, and the learning rate over all. */
export function curvesOf(log: readonly LogEntry[]): Curves {
  if (log.length === 0) return [];
  const lossCurves = stageNames(log).flatMap((stage) => {
    const entries = log.filter((entry) => entry.stage === stage);
    const names = [...new Set(entries.flatMap(({ terms }) => Object.keys(terms)))];
    const series = names.map(
      (name): Series => ({
        name,
        points: entries.flatMap(({ iteration, terms }): [number, number][] =>
          name in terms ? [[iteration, terms[name]!]] : [],
        ),
      }),
    );
    return series.length > 0 ? [{ title: `${stage}: loss terms`, series }] : [];
  });
  const rate: Series = {
    name: "learning rate",
    points: log.map(({ total, learningRate }) => [total, learningRate] as const),
  };
  return [...lossCurves, { title: "learning rate over all stages", series: [rate] }];
}

/** What was evaluated, and how far it can be trusted. */
export interface Evaluated extends SplitCases {
  readonly model: Model;
  readonly run: RunRecord;
  readonly split: Split;
  /** On the names of the classes and the voxel sizes of the cases. */
  readonly doubts: readonly string[];
  /** Whether uncertainty maps are shown. */
  readonly uncertainty: boolean;
}

/** What limits the scores, and what the maps show. */
export function notesOf({
  model,
  run,
  split,
  dataset,
  cases,
  leftOut,
  doubts,
  uncertainty,
}: Evaluated): string[] {
  const notes = [...doubts];
  if (leftOut > 0) notes.push(`${leftOut} ${split} cases without a label are left out.`);
  if (split === "unlabeled") {
    notes.push(
      "Training used no label of these cases; a method that learns from unlabeled images has seen the images.",
    );
    if (model.config.init)
      notes.push(`It began from the weights of ${model.config.init}, which may have seen more.`);
    const corrected = correctedLabels(dataset).length;
    if (corrected > 0)
      notes.push(`${corrected} of these labels are corrections, which may have begun from a prediction.`);
  }
  if (split !== "test" && dataset.dir !== run.data)
    notes.push(`The run was trained on ${run.data}; its ${split} cases are found here by their names.`);
  if (split === "labeled") notes.push("These cases were trained on: the scores say nothing about new scans.");
  const seen = new Set([...run.labeled, ...run.unlabeled]);
  const both = split === "test" && dataset.dir === run.data ? cases.filter(({ id }) => seen.has(id)) : [];
  if (both.length > 0) notes.push(`${both.length} of these cases were trained on.`);
  if (dataset.classNames.join() !== model.classNames.join()) {
    notes.push(`The data names its classes ${dataset.classNames.join(", ")}; they are scored by number.`);
  }
  if (model.config.data.crop === "label-box") {
    notes.push(
      "Each image was cut to the box around its reference label before it was segmented, as the paper does: ground truth was used.",
    );
  }
  if (uncertainty) {
    const samples = model.config.inference.uncertaintySamples;
    notes.push(
      model.stochastic
        ? `Uncertainty: entropy (nats) of the mean of ${samples} samples of the logits' distribution that stage 1 learned.`
        : "Uncertainty: entropy (nats) of the predicted probabilities; this method learns no distribution of logits.",
    );
  }
  const { method, citation } = model.config;
  const cited = new Set([methodEntry(method).citation, ...citation]);
  return [...notes, ...[...cited].map((text) => `Cite: ${text}`)];
}
