import { join } from "node:path";
import type { CaseFiles } from "../data/dataset.js";
import { channelCount, inAxisOrder, type PreparedCase, prepareCase } from "../data/prepare.js";
import { readCase } from "../data/read-case.js";
import { sayCrowded } from "../engine/busy-cores.js";
import type { Precision } from "../engine/precision.js";
import { PenumbraError } from "../errors.js";
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
import { type CaseContents, contentsOf } from "../training/case-contents.js";
import { prepareOptions } from "../training/config.js";
import { correctedLabels } from "../training/run-directory.js";
import { type LogEntry, readRunLog } from "../training/run-log.js";
import { toAxisOrder, toStoredOrder } from "../volume/orientation.js";
import { readLabelMap } from "../volume/read.js";
import { writeLabelMap } from "../volume/write.js";
import { namesDoubt } from "./data-fit.js";
import { EvaluationOutput } from "./evaluation-output.js";
import { curvesOf, type Evaluated, factsOf, notesOf } from "./evaluation-report.js";
import { type EngineOptions, type Model, type OpenedModel, segment, withModel } from "./model.js";
import { onSource, sourceCase } from "./own-grid.js";
import { checkCases, openSplit, type Split } from "./split-cases.js";
import { WorkProgress } from "./work-progress.js";

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

interface Session extends Evaluated, OpenedModel {
  readonly log: readonly LogEntry[];
  readonly output: EvaluationOutput;
  readonly progress: WorkProgress;
  readonly signal?: AbortSignal | undefined;
}

/** Scores, and of what they are: scores.json. */
export interface SplitScores extends Evaluation {
  readonly data: string;
  readonly split: Split;
  /** Corrections among the labels scored against: paths in `data`. */
  readonly corrected: readonly string[];
  /** Cases of the split without a label, which are not scored. */
  readonly leftOut: number;
  /** Of each case's image and label. */
  readonly contents: CaseContents;
  /** That the cases were segmented in. */
  readonly precision: Precision;
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
  return withModel(options.run, options, (opened) => evaluateModel(opened, options));
}

async function evaluateModel(opened: OpenedModel, options: EvaluateOptions): Promise<SplitScores> {
  const { split = "test", uncertainty = true, onStatus: status = () => {}, signal } = options;
  const { model, precision, threads } = opened;
  const log = readRunLog(options.run);
  const found = await openSplit(opened, { ...options, split });
  const { dataset, cases, leftOut } = found;
  const own = join(options.run, `evaluation-${split}`);
  const output = EvaluationOutput.at(options.out ?? own, { replaces: (options.out ?? own) === own });
  const doubts = [namesDoubt(dataset, model), await checkCases(cases, opened, options)].filter(
    (doubt) => doubt !== null,
  );
  doubts.forEach(status);
  if (leftOut > 0) status(`${leftOut} ${split} cases without a label are left out`);
  sayCrowded(threads, model.config.device, status);
  const forShown = uncertainty ? WORK_WITH_UNCERTAINTY * Math.min(MOST_SHOWN, cases.length) : 0;
  const progress = new WorkProgress(cases.length + forShown, status);
  const session = { ...opened, ...found, split, doubts, log, uncertainty, output, progress, signal };
  try {
    output.begin();
    status(`segmenting ${cases.length} ${split} cases of ${dataset.dir} (${precision})`);
    const evaluation = await writeEvaluation(session, options.command ?? null);
    output.finish();
    status(`report: ${join(output.dir, "report.html")}`);
    return evaluation;
  } finally {
    output.end();
  }
}

async function writeEvaluation(session: Session, command: string | null): Promise<SplitScores> {
  const { model, run, log, precision, split, dataset, cases, leftOut, output } = session;
  const corrected = correctedLabels({ dir: dataset.dir, labeled: cases });
  const contents = await contentsOf(cases, null);
  const start = performance.now();
  const scored = await scoreAll(session);
  const evaluation = { ...scored, data: dataset.dir, split, corrected, leftOut, contents, precision };
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
    notes: notesOf(session),
    sections: [
      {
        title: `${split} cases`,
        evaluation,
        curves: curvesOf(log),
        shown: await shownCases(session, evaluation),
      },
    ],
  });
  writeText(output.path("report.html"), report);
  return evaluation;
}

function stopIfAsked({ signal, output }: Session): void {
  if (signal?.aborted)
    throw new PenumbraError(
      "interrupted",
      `stopped while ${output.dir} was made; what was there before is kept`,
    );
}

async function scoreAll(session: Session): Promise<Evaluation> {
  const { model, precision, cases, output, progress } = session;
  const rows: CaseScore[] = [];
  let unit: Evaluation["unit"] = "mm";
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
    unit = distanceUnit(reference); // the same for all: they were looked at
    rows.push(...scoreCase(id, { grid, data: labels }, reference, model.classNames));
  }
  return summarize(rows, unit);
}

/** The best, median and worst case as the report shows them, read again: nothing but scores was kept. */
async function shownCases(session: Session, evaluation: Evaluation): Promise<ReportSection["shown"]> {
  const { model, precision, cases, uncertainty, output, progress } = session;
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
    const { grid, channels, label } = inAxisOrder(await readCase(files, channelCount(prepared)), axisOrder);
    const [image, reference] = [channels[0]!, label!.data]; // the file's own intensities: CT's windows are in HU
    shown.push({ why, case: { id, image, reference, prediction, uncertainty: certainty, grid } });
  }
  return shown;
}
