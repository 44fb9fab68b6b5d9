import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { badInput } from "../errors.js";
import { writeJson } from "../files/whole-file.js";
import { evaluate, type SplitScores } from "../inference/evaluate.js";
import { watchFixedCases } from "../inference/fixed-cases.js";
import type { Evaluation } from "../metrics/score.js";
import { type CaseContents, firstChanged } from "../training/case-contents.js";
import { holdsCheckpoint } from "../training/checkpoint.js";
import type { Config } from "../training/config.js";
import { firstDifference } from "../training/config-difference.js";
import { DivergedError } from "../training/diverged.js";
import { effortOf } from "../training/effort.js";
import type { MethodName } from "../training/method-catalog.js";
import { checkpointsOf, isRun, readRun } from "../training/run-directory.js";
import { readRunLog } from "../training/run-log.js";
import type { RunRecord } from "../training/run-record.js";
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
  /** The run's configuration and cases as they would be if it were trained now. */
  readonly expected: Expected;
}

export interface Expected
  extends Required<Pick<RunRecord, "labeled" | "unlabeled" | "corrected" | "precision">> {
  readonly config: Config;
  readonly contents: CaseContents;
  /** SHA-256 of the weights to start from, where there are any. */
  readonly initial: string | undefined;
  /** Of the test cases that have a label: those that are scored. */
  readonly scored: CaseContents;
}

/** In the run directory of a training that diverged: what it said, so that it is not run again. */
const DIVERGED = "diverged.json";

/** Trains a cell, goes on with it, or leaves it when it is done; then scores its last checkpoint, unless it is scored. */
export async function runCell(cell: Cell): Promise<CellResult> {
  const diverged = await trainCell(cell);
  const { method, seed, run } = cell;
  const { config } = readRun(run);
  const seconds = readRunLog(run).reduce((sum, { secondsPerIteration }) => sum + secondsPerIteration, 0);
  return {
    method,
    seed,
    run,
    evaluation: diverged === null ? await score(cell) : null,
    diverged,
    ...effortOf(config),
    parts: config.memory.parts ?? 1,
    minutes: seconds / 60,
  };
}

/** Null when the training is finished, else how it diverged. */
async function trainCell(cell: Cell): Promise<string | null> {
  const { run, training } = cell;
  const noted = join(run, DIVERGED);
  if (existsSync(noted)) return (JSON.parse(readFileSync(noted, "utf8")) as { message: string }).message;
  if (isFinished(run)) return null;
  try {
    if (isRun(run)) {
      const { threads, cache, allowLinks, signal, onStatus, onIteration } = training;
      await train({
        resume: run,
        observer: watchFixedCases,
        threads,
        cache,
        allowLinks,
        signal,
        onStatus,
        onIteration,
      });
    } else {
      const beginWith = cell.beginWith.find(
        (other) =>
          isFinished(other) && holdsCheckpoint(checkpointsOf(other)) && differenceFrom(other, cell) === null,
      );
      await train({ ...training, out: run, observer: watchFixedCases, beginWith });
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
  for (const [kind, name] of CASES) {
    const [there, here] = [found.run[kind] ?? [], expected[kind]];
    if (there.join() !== here.join()) return `${name}: ${differenceInWords(there, here)}`;
  }
  const changed = firstChanged(found.run.contents, expected.contents);
  if (changed !== null) return `case ${changed}: its files have changed since`;
  if (found.run.initial !== undefined && found.run.initial !== expected.initial)
    return "init: other weights there than here";
  if (found.run.precision !== expected.precision)
    return `precision: ${found.run.precision} there, ${expected.precision} here, which --precision ${found.run.precision} changes`;
  return firstDifference(found.config, { ...expected.config, method: found.config.method });
}

const CASES = [
  ["labeled", "labeled cases"],
  ["unlabeled", "unlabeled cases"],
  ["corrected", "corrected labels"],
] as const;

function differenceInWords(there: readonly string[], here: readonly string[]): string {
  if (there.length !== here.length) return `${there.length} there, ${here.length} here`;
  const at = there.findIndex((id, i) => id !== here[i]);
  return `"${there[at]}" there, "${here[at]}" here`;
}

const isFinished = (run: string): boolean => existsSync(join(run, "model.safetensors"));
/** Whether there is nothing left to train. */
export const isDone = ({ run }: Cell): boolean => isFinished(run) || existsSync(join(run, DIVERGED));

/** @throws PenumbraError "bad-input" when the cell is there, even unfinished, and was begun with other settings or data. */
export function checkSame(cell: Cell): void {
  if (!isRun(cell.run)) return;
  const difference = differenceFrom(cell.run, cell);
  if (difference === null) return;
  throw badInput(
    `${cell.run} was trained with other settings (${difference}); compare into another --out, or repeat those settings`,
  );
}

/** The scores that are there, if they are of these test cases as they are now; else new ones. */
async function score({ run, training, expected }: Cell): Promise<Evaluation> {
  const { data, device, threads, allowLinks, signal, onStatus } = training;
  const { precision } = expected;
  const path = join(run, "evaluation-test", "scores.json");
  const found = existsSync(path) ? readScores(path) : null;
  if (found && isSame(found, { data, contents: expected.scored, precision })) return found;
  return evaluate({
    run,
    data,
    uncertainty: false,
    threads,
    allowLinks,
    device,
    precision,
    signal,
    onStatus,
  });
}

const isSame = (found: SplitScores, wanted: Pick<SplitScores, "data" | "contents" | "precision">): boolean =>
  found.data === wanted.data &&
  found.precision === wanted.precision &&
  isDeepStrictEqual(found.contents, wanted.contents);

/** Null where an evaluation was stopped while it wrote. */
function readScores(path: string): SplitScores | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as SplitScores;
  } catch {
    return null;
  }
}
