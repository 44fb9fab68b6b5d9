import { join, resolve } from "node:path";
import { openDataset } from "../data/dataset.js";
import { writeText } from "../files/whole-file.js";
import { evaluate } from "../inference/evaluate.js";
import { watchFixedCases } from "../inference/fixed-cases.js";
import type { Evaluation } from "../metrics/score.js";
import type { IterationReport } from "../training/iteration.js";
import { train } from "../training/train.js";
import { freshDemoDirectory } from "./demo-directory.js";
import { type DemoRun, demoReport } from "./demo-report.js";
import { type PhantomSet, writePhantomDataset } from "./phantom-dataset.js";

/** Few labels, more scans without, and test cases that no training sees. */
export const DEMO_SET: Omit<PhantomSet, "seed"> = {
  labeled: 6,
  unlabeled: 32,
  test: 12,
  shape: [32, 48, 48],
};

/** The baseline's batches hold as many labeled patches as AUA's, and it takes as many steps as both of AUA's stages. */
export const BASELINE = ["data.unlabeledPerBatch=0"];

export interface DemoOptions {
  /** Directory of the demo; an earlier demo's is replaced. Left out: runs/demo. */
  readonly out?: string;
  /** Of the phantoms and of both trainings. Left out: 0. */
  readonly seed?: number;
  /** What to make; left out, `DEMO_SET`. */
  readonly phantoms?: Omit<PhantomSet, "seed">;
  /** Configuration keys of both trainings, over the preset's: "stage1.iterations=10". */
  readonly set?: readonly string[];
  readonly onStatus?: (line: string) => void;
  readonly onIteration?: (report: IterationReport) => void;
  readonly signal?: AbortSignal;
}

/** What the demo found, and where it lies. */
export interface DemoResult {
  readonly supervised: Evaluation;
  readonly aua: Evaluation;
  readonly seconds: number;
  readonly report: string;
}

/**
 * Makes phantoms (out/data), trains on the labels alone (out/supervised) and with AUA (out/aua), scores both on unseen
 * phantoms, and writes out/report.html and out/summary.json.
 * @throws PenumbraError "bad-input" for an `out` with other content; "interrupted" by `signal`, between two steps or cases.
 */
export async function runDemo(options: DemoOptions = {}): Promise<DemoResult> {
  const out = resolve(options.out ?? join("runs", "demo"));
  const lock = freshDemoDirectory(out);
  try {
    return await demoIn(out, options);
  } finally {
    lock.release();
  }
}

async function demoIn(out: string, options: DemoOptions): Promise<DemoResult> {
  const { seed = 0, phantoms = DEMO_SET, onStatus = () => {}, signal } = options;
  const start = performance.now();
  const data = join(out, "data");
  const { labeled, unlabeled, test } = phantoms;
  onStatus(`making ${labeled} labeled, ${unlabeled} unlabeled and ${test} test phantoms in ${data}`);
  await writePhantomDataset(data, { ...phantoms, seed });
  const supervised = await trainAndScore("supervised", "Supervised: the labels alone", out, options);
  const aua = await trainAndScore("aua", "AUA: the same labels, and scans without", out, options);
  const dataset = await openDataset(data);
  onStatus("drawing the report");
  const report = join(out, "report.html");
  const seconds = () => (performance.now() - start) / 1000;
  writeText(report, await demoReport({ supervised, aua, dataset, shape: phantoms.shape, seconds, signal }));
  const summary = { supervised: supervised.evaluation.mean, aua: aua.evaluation.mean, seconds: seconds() };
  writeText(join(out, "summary.json"), `${JSON.stringify({ seed, ...summary }, null, 2)}\n`);
  return { supervised: supervised.evaluation, aua: aua.evaluation, seconds: summary.seconds, report };
}

async function trainAndScore(
  method: "supervised" | "aua",
  title: string,
  out: string,
  { seed = 0, set = [], onStatus, onIteration, signal }: DemoOptions,
): Promise<DemoRun> {
  const data = join(out, "data");
  const dir = await train({
    data,
    out: join(out, method),
    method,
    preset: "phantom",
    set: [...(method === "supervised" ? BASELINE : []), ...set, `seed=${seed}`],
    device: "cpu",
    cache: join(out, "prepared"),
    observer: watchFixedCases,
    onStatus,
    onIteration,
    signal,
  });
  const evaluation = await evaluate({
    run: dir,
    data,
    split: "test",
    uncertainty: false,
    device: "cpu",
    onStatus,
    signal,
  });
  return { dir, title, evaluation };
}
