import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { badInput } from "../errors.js";
import { writeJson } from "../files/whole-file.js";
import { evaluate } from "../inference/evaluate.js";
import { watchFixedCases } from "../inference/fixed-cases.js";
import type { Evaluation } from "../metrics/score.js";
import { firstDifference } from "../training/config-difference.js";
import { DivergedError } from "../training/diverged.js";
import { effortOf } from "../training/effort.js";
import type { MethodName } from "../training/method-catalog.js";
import { readRun } from "../training/run-directory.js";
import { readRunLog } from "../training/run-log.js";
import { type TrainOptions, train } from "../training/train.js";
import type { CellResult } from "./comparison.js";

/** One method with one seed, and all that its training takes. */
export interface Cell {
  readonly method: MethodName;
  readonly seed: number;
  /** Its run directory. */
  readonly run: string;
  /** Run directories of cells whose whole training is the beginning of this one's, whether they are there or not. */
  readonly beginWith: readonly string[];
  readonly training: TrainOptions & { readonly data: string };
  /** The run's configuration and labeled cases as they would be if it were trained now. */
  readonly expected: Pick<ReturnType<typeof readRun>, "config"> & { readonly labeled: readonly string[] };
}

/** In the run directory of a training that diverged: what it said, so that it is not run again. */
const DIVERGED = "diverged.json";

/** Trains a cell, goes on with it, or leaves it when it is done; then scores its last checkpoint, unless it is scored. */
export async function runCell(cell: Cell): Promise<CellResult> {
  const diverged = await trainCell(cell);
  const { method, seed, run, training } = cell;
  const { config } = readRun(run);
  const seconds = readRunLog(run).reduce((sum, { secondsPerIteration }) => sum + secondsPerIteration, 0);
  return {
    method,
    seed,
    run,
    evaluation: diverged === null ? await score(run, training) : null,
    diverged,
    ...effortOf(config),
    minutes: seconds / 60,
  };
}

/** Null when the training is finished, else how it diverged. */
async function trainCell(cell: Cell): Promise<string | null> {
  const { run, training } = cell;
  const noted = join(run, DIVERGED);
  if (existsSync(join(run, "run.json"))) checkSame(cell);
  if (existsSync(noted)) return (JSON.parse(readFileSync(noted, "utf8")) as { message: string }).message;
  if (existsSync(join(run, "model.safetensors"))) return null;
  try {
    if (existsSync(join(run, "run.json"))) {
      const { threads, allowLinks, signal, onStatus, onIteration } = training;
      await train({
        resume: run,
        observer: watchFixedCases,
        ...(threads && { threads }),
        ...(allowLinks && { allowLinks }),
        ...(signal && { signal }),
        ...(onStatus && { onStatus }),
        ...(onIteration && { onIteration }),
      });
    } else {
      const beginWith = cell.beginWith.find(
        (other) => existsSync(join(other, "model.safetensors")) && differenceFrom(other, cell) === null,
      );
      await train({ ...training, out: run, observer: watchFixedCases, ...(beginWith && { beginWith }) });
    }
    return null;
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    writeJson(noted, { message: error.message });
    return error.message;
  }
}

/** What differs between a run that is there and a cell's training, were its method the same; null: nothing. */
function differenceFrom(run: string, { training, expected }: Cell): string | null {
  const found = readRun(run);
  if (found.run.data !== training.data) return `data: ${found.run.data} there, ${training.data} here`;
  const [there, here] = [found.run.labeled, expected.labeled];
  if (there.join() !== here.join()) return `labeled cases: ${there.length} there, ${here.length} here`;
  return firstDifference(found.config, { ...expected.config, method: found.config.method });
}

function checkSame(cell: Cell): void {
  const difference = differenceFrom(cell.run, cell);
  if (difference === null) return;
  throw badInput(
    `${cell.run} was trained with other settings (${difference}); compare into another --out, or repeat those settings`,
  );
}

async function score(
  run: string,
  { data, device, precision, threads, allowLinks, onStatus }: Cell["training"],
): Promise<Evaluation> {
  const path = join(run, "evaluation-test", "scores.json");
  const scored = existsSync(path) ? readScores(path) : null;
  if (scored) return scored;
  return evaluate({
    run,
    data,
    uncertainty: false,
    ...(threads && { threads }),
    ...(allowLinks && { allowLinks }),
    ...(device && { device }),
    ...(precision && { precision }),
    ...(onStatus && { onStatus }),
  });
}

/** Null where an evaluation was stopped while it wrote. */
function readScores(path: string): Evaluation | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Evaluation;
  } catch {
    return null;
  }
}
