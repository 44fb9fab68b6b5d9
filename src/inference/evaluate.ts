import { join, resolve } from "node:path";
import { type CaseFiles, type Dataset, openDataset } from "../data/dataset.js";
import { checkCase, type PreparedCase, prepareCase } from "../data/prepare.js";
import { sayCrowded } from "../engine/busy-cores.js";
import type { Precision } from "../engine/precision.js";
import { badInput, PenumbraError } from "../errors.js";
import { writeJson, writeText } from "../files/whole-file.js";
import {
  type CaseScore,
  distanceUnit,
  type Evaluation,
  scoreCase,
  summarize,
  toCsv,
} from "../metrics/score.js";
import { type ReportSection, renderReport } from "../report/report.js";
import { pickShown } from "../report/shown.js";
import { prepareOptions } from "../training/config.js";
import type { RunRecord } from "../training/run-directory.js";
import { type LogEntry, readRunLog } from "../training/run-log.js";
import { toAxisOrder, toStoredOrder } from "../volume/orientation.js";
import { readLabelMap } from "../volume/read.js";
import { writeLabelMap } from "../volume/write.js";
import { checkChannels, checkClasses } from "./data-fit.js";
import { EvaluationOutput } from "./evaluation-output.js";
import { curvesOf, factsOf } from "./evaluation-report.js";
import { closeModel, type EngineOptions, type Model, type OpenedModel, openModel, segment } from "./model.js";
import { onSource, sourceCase } from "./own-grid.js";
import { WorkProgress } from "./work-progress.js";

/**
 * "test": the data's test cases; "labeled": those whose labels the run was trained with; "unlabeled": training cases whose
 * labels the run never saw, where the data has them.
 */
export type Split = "test" | "labeled" | "unlabeled";

export interface EvaluateOptions extends EngineOptions {
  /** Run directory of a finished training. */
  readonly run: string;
  /** Data directory in a layout that training takes. */
  readonly data: string;
  readonly split?: Split;
  /** A new directory; left out, `evaluation-<split>` in the run, which a later evaluation replaces. */
  readonly out?: string;
  /** Follow symbolic links that lead out of the data directory. */
  readonly allowLinks?: boolean;
  /** Show uncertainty maps in the report; they take three more segmentations. */
  readonly uncertainty?: boolean;
  /** The command line, for the report. */
  readonly command?: string;
  /** Stops before the next case. */
  readonly signal?: AbortSignal;
  readonly onStatus?: (line: string) => void;
}

/** A segmentation with uncertainty runs a second network and draws samples. */
const WORK_WITH_UNCERTAINTY = 3;
const MOST_SHOWN = 3;

interface Session {
  readonly model: Model;
  readonly run: RunRecord;
  readonly log: readonly LogEntry[];
  readonly precision: Precision;
  readonly split: Split;
  readonly cases: readonly CaseFiles[];
  /** Cases of the split without a label, which are not among `cases`. */
  readonly leftOut: number;
  readonly output: EvaluationOutput;
  readonly progress: WorkProgress;
  readonly signal?: AbortSignal | undefined;
}

/** Scores, and of what they are: scores.json. */
export interface SplitScores extends Evaluation {
  readonly data: string;
  readonly split: Split;
}

/** Clipped, normalized and checked as in training. */
const prepare = (files: CaseFiles, { config }: Model): Promise<PreparedCase> =>
  prepareCase(files, prepareOptions(config));

/**
 * Scores a run on the cases of a split that have labels: each is segmented as `predict` does and compared on its own
 * grid. Writes scores.csv, scores.json, labels/<case>.nii.gz and report.html.
 * @throws PenumbraError "bad-input": no finished run, no case with a label, another number of classes or channels, a damaged or
 *   misfit case, an `out` that is not empty; "environment" for a device this machine lacks; "interrupted" by `signal`.
 */
export async function evaluate(options: EvaluateOptions): Promise<SplitScores> {
  const opened = openModel(options.run, options);
  try {
    return await evaluateModel(opened, options);
  } finally {
    closeModel(opened.model);
  }
}

async function evaluateModel(
  { model, run, precision, threads }: OpenedModel,
  options: EvaluateOptions,
): Promise<SplitScores> {
  const { split = "test", uncertainty = true, onStatus: status = () => {}, allowLinks, signal } = options;
  const log = readRunLog(options.run);
  const labeledIds = split === "test" ? undefined : run[split];
  const dataset = await openDataset(resolve(options.data), { labeledIds, allowLinks });
  checkClasses(dataset, model);
  checkChannels(dataset, model);
  const listed = labeledIds?.length ?? dataset.test.length;
  const cases = casesWithLabels(dataset, split, listed);
  const own = join(options.run, `evaluation-${split}`);
  const output = EvaluationOutput.at(options.out ?? own, { replaces: (options.out ?? own) === own });
  const leftOut = listed - cases.length;
  const forShown = uncertainty ? WORK_WITH_UNCERTAINTY * Math.min(MOST_SHOWN, cases.length) : 0;
  const progress = new WorkProgress(cases.length + forShown, status);
  const session = { model, run, log, precision, split, cases, leftOut, output, progress, signal };
  for (const files of cases) await checkCase(files, prepareOptions(model.config));
  sayCrowded(threads, model.config.device, status);
  try {
    output.begin();
    status(`segmenting ${cases.length} ${split} cases of ${dataset.dir} (${precision})`);
    const evaluation = await writeEvaluation(session, dataset, uncertainty, options.command ?? null);
    output.finish();
    status(`report: ${join(output.dir, "report.html")}`);
    return evaluation;
  } catch (error) {
    output.discard();
    throw error;
  }
}

async function writeEvaluation(
  session: Session,
  dataset: Dataset,
  uncertainty: boolean,
  command: string | null,
): Promise<SplitScores> {
  const { model, run, log, precision, split, cases, output } = session;
  const start = performance.now();
  const evaluation = { ...(await scoreAll(session)), data: dataset.dir, split };
  const secondsPerCase = (performance.now() - start) / 1000 / cases.length;
  writeText(output.path("scores.csv"), toCsv(evaluation));
  writeJson(output.path("scores.json"), evaluation);
  const report = renderReport({
    title: `${model.config.method}: ${dataset.classNames.slice(1).join(", ")}`,
    facts: factsOf({
      config: model.config,
      run,
      log,
      precision,
      evaluated: `${cases.length} ${split} cases of ${dataset.dir}`,
      secondsPerCase,
      command,
    }),
    notes: notesOf(session, dataset, uncertainty),
    sections: [
      {
        title: `${split} cases`,
        evaluation,
        curves: curvesOf(log),
        shown: await shownCases(session, evaluation, uncertainty),
      },
    ],
  });
  writeText(output.path("report.html"), report);
  return evaluation;
}

/** Cases of a split that have labels, of so many that the data (test cases) or the run (its training cases) lists. */
function casesWithLabels(dataset: Dataset, split: Split, listed: number): CaseFiles[] {
  const all = split === "test" ? dataset.test : dataset.labeled;
  const cases = all.filter(({ labelPath }) => labelPath !== null);
  if (cases.length > 0) return cases;
  const whose = split === "test" ? "its" : "the run's";
  const why = listed === 0 ? `no ${split} case` : `no label for any of ${whose} ${listed} ${split} cases`;
  const other =
    split === "test"
      ? "score training cases with --split labeled or --split unlabeled"
      : "score another --split";
  throw badInput(`${dataset.dir} has ${why}; add labels, or ${other}`);
}

function stopIfAsked({ signal, output }: Session): void {
  if (signal?.aborted)
    throw new PenumbraError("interrupted", `stopped while ${output.dir} was made; evaluate the run again`);
}

async function scoreAll(session: Session): Promise<Evaluation> {
  const { model, precision, cases, output, progress } = session;
  const rows: CaseScore[] = [];
  const units = new Set<Evaluation["unit"]>();
  for (const [i, files] of cases.entries()) {
    stopIfAsked(session);
    const prepared = await prepare(files, model);
    const { id, storedGrid, placement } = prepared;
    const onWindow = progress.next(`${id} (${i + 1}/${cases.length})`, 1);
    const options = { precision, uncertainty: false, onWindow };
    const found = segment(model, prepared, options);
    const { labels } = onSource(found, placement, false);
    const stored = toStoredOrder(labels, storedGrid, model.config.data.axisOrder);
    await writeLabelMap(output.labelPath(id), { grid: storedGrid, data: stored });
    const { grid, reference: data } = await sourceCase(files, prepared, model.config.data.axisOrder);
    const reference = { grid, data };
    units.add(distanceUnit(reference));
    if (units.size > 1) {
      throw badInput(
        `${files.imagePath}: ${grid.spacingMm ? "stores" : "lacks"} voxel sizes, unlike the cases before; ` +
          "distances in mm and in voxels have no common mean: repair the headers",
      );
    }
    rows.push(...scoreCase(id, { grid, data: labels }, reference, model.classNames));
  }
  return summarize(rows, [...units][0]!);
}

/** The best, median and worst case as the report shows them, read again: nothing but scores was kept. */
async function shownCases(
  session: Session,
  evaluation: Evaluation,
  uncertainty: boolean,
): Promise<ReportSection["shown"]> {
  const { model, precision, cases, output, progress } = session;
  const shown: ReportSection["shown"][number][] = [];
  for (const { why, id } of pickShown(evaluation)) {
    stopIfAsked(session);
    const files = cases.find((one) => one.id === id)!;
    const { axisOrder } = model.config.data;
    const prepared = await prepare(files, model);
    const onWindow = progress.next(`uncertainty of ${id}`, WORK_WITH_UNCERTAINTY);
    const options = { precision, uncertainty, onWindow };
    const found = uncertainty ? segment(model, prepared, options) : null;
    const certainty = found && onSource(found, prepared.placement, false).uncertainty;
    const written = await readLabelMap(output.labelPath(id));
    const { data: prediction } = toAxisOrder(written, axisOrder, prepared.storedGrid);
    const { grid, image, reference } = await sourceCase(files, prepared, axisOrder);
    shown.push({ why, case: { id, image, reference, prediction, uncertainty: certainty, grid } });
  }
  return shown;
}

/** What limits the scores, and what the maps show. */
function notesOf(
  { model, run, split, cases, leftOut }: Session,
  dataset: Dataset,
  uncertainty: boolean,
): string[] {
  const notes: string[] = [];
  if (leftOut > 0) notes.push(`${leftOut} ${split} cases without a label are left out.`);
  if (split === "unlabeled") {
    notes.push(
      "Training used no label of these cases; a method that learns from unlabeled images has seen the images.",
    );
  }
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
  return [...notes, ...model.config.citation.map((text) => `Cite: ${text}`)];
}
