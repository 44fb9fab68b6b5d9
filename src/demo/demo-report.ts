import { join } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { curvesOf } from "../inference/evaluation-report.js";
import { predict } from "../inference/predict.js";
import type { Evaluation } from "../metrics/score.js";
import { type ReportSection, renderReport } from "../report/report.js";
import { pickShown, type Why } from "../report/shown.js";
import type { ReportCase } from "../report/slices.js";
import { readRun } from "../training/run-directory.js";
import { readRunLog } from "../training/run-log.js";
import type { RunRecord } from "../training/run-record.js";
import { readLabelMap, readVolume } from "../volume/read.js";
import type { Triple } from "../volume/volume.js";
import { demoNotes } from "./demo-notes.js";
import { RECORDED } from "./recorded.js";

/** A trained and evaluated run of the demo. */
export interface DemoRun {
  readonly dir: string;
  readonly title: string;
  readonly evaluation: Evaluation;
}

export interface DemoReportParts {
  readonly supervised: DemoRun;
  readonly aua: DemoRun;
  readonly dataset: Dataset;
  readonly shape: Triple;
  /** Seconds since the demo began. */
  readonly seconds: () => number;
  readonly signal?: AbortSignal | undefined;
}

const MAPS = "maps";

/** The demo's report as HTML: both runs against each other, each with scores, curves and cases, and what to make of it. */
export async function demoReport({
  supervised,
  aua,
  dataset,
  shape,
  seconds,
  signal,
}: DemoReportParts): Promise<string> {
  const ofAua = readRun(aua.dir);
  const configs = { supervised: readRun(supervised.dir).config, aua: ofAua.config };
  const means = { supervised: supervised.evaluation.mean, aua: aua.evaluation.mean };
  const [labeled, unlabeled, test] = [dataset.labeled, dataset.unlabeled, dataset.test].map((x) => x.length);
  const counts = { labeled: labeled!, unlabeled: unlabeled!, test: test! };
  const row = (method: string, { evaluation: { mean, unit, missing } }: DemoRun, note: string) => ({
    method,
    mean,
    unit,
    missing,
    note,
  });
  const sections = [await demoSection(aua, dataset, signal), await demoSection(supervised, dataset, signal)];
  return renderReport({
    title: "Penumbra demo: a left atrium from few labels",
    facts: factsOf(ofAua.run, { ...counts, shape, seed: configs.aua.seed, seconds: seconds() }),
    notes: demoNotes({ configs, means, counts, recorded: RECORDED }),
    comparison: [
      row("supervised", supervised, `${labeled} labeled phantoms`),
      row("AUA", aua, `the same ${labeled}, and ${unlabeled} unlabeled`),
    ],
    sections,
  });
}

interface DemoFacts {
  readonly labeled: number;
  readonly unlabeled: number;
  readonly test: number;
  readonly shape: Triple;
  readonly seed: number;
  readonly seconds: number;
}

const factsOf = (run: RunRecord, { labeled, unlabeled, test, shape, seed, seconds }: DemoFacts) => ({
  data: `made-up hearts, ${shape.join(" x ")} voxels of 1.25 mm (D x H x W)`,
  labels: `${labeled} of ${labeled + unlabeled} training phantoms`,
  scored: `${test} unseen phantoms`,
  seed: String(seed),
  "time of the whole demo": `${Math.round(seconds)} s`,
  precision: run.precision,
  penumbra: run.penumbra,
  libtorch: run.libtorch,
  made: `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
});

/** A run's section: scores, curves, and its best, median and worst case with their uncertainty. */
async function demoSection(run: DemoRun, dataset: Dataset, signal?: AbortSignal): Promise<ReportSection> {
  const picks = pickShown(run.evaluation);
  const images = picks.map(({ id }) => dataset.test.find((files) => files.id === id)!.imagePath);
  const out = join(run.dir, MAPS);
  await predict({ run: run.dir, images, out, uncertainty: true, device: "cpu", signal });
  const shown: { why: Why; case: ReportCase }[] = [];
  for (const { why, id } of picks) shown.push({ why, case: await readCase(run, dataset, id) });
  return {
    title: run.title,
    evaluation: run.evaluation,
    curves: curvesOf(readRunLog(run.dir)),
    shown,
  };
}

async function readCase(run: DemoRun, dataset: Dataset, id: string): Promise<ReportCase> {
  const files = dataset.test.find((one) => one.id === id)!;
  const image = await readVolume(files.imagePath);
  const reference = await readLabelMap(files.labelPath!);
  const prediction = await readLabelMap(join(run.dir, MAPS, `${id}.nii.gz`));
  const uncertainty = await readVolume(join(run.dir, MAPS, `${id}_uncertainty.nii.gz`));
  return {
    id,
    image: image.data,
    reference: reference.data,
    prediction: prediction.data,
    uncertainty: uncertainty.data,
    grid: image.grid,
  };
}
