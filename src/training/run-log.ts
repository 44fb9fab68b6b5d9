import { closeSync, existsSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { badInput } from "../errors.js";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";
import { writeText } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";
import type { IterationReport } from "./iteration.js";
import type { LossSpike } from "./loss-spikes.js";

/** The log's name in a run directory. */
export const LOG_NAME = "log.jsonl";

/** One line of the log. Numbers that are not finite are stored as null and read as NaN. */
export interface LogEntry {
  readonly stage: string;
  /** Iterations of the stage done, counted from 1. */
  readonly iteration: number;
  /** The same over all stages. */
  readonly total: number;
  /** What was optimized: the sum of weight · term, of a batch in parts the mean of theirs. */
  readonly loss: number;
  /** Each loss term before its weight. */
  readonly terms: Readonly<Record<string, number>>;
  readonly weights: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly secondsPerIteration: number;
  /** Part of it spent waiting for data. */
  readonly waitedMs: number;
  readonly caseIds: readonly string[];
  /** Norm of all gradients before clipping, where there was one. */
  readonly gradientNorm?: number;
  /** What was not finite, for an iteration that was skipped. */
  readonly skipped?: string;
  /** Where the loss jumped. */
  readonly spike?: LossSpike;
}

/** A log's entry for one iteration. */
export const logEntry = (report: IterationReport, spike: LossSpike | null = null): LogEntry => ({
  stage: report.stage,
  iteration: report.iteration,
  total: report.total,
  loss: report.loss,
  terms: report.terms,
  weights: report.weights,
  learningRate: report.learningRate,
  secondsPerIteration: Number(report.seconds.toFixed(4)),
  waitedMs: Math.round(report.waitedSeconds * 1000),
  caseIds: report.caseIds,
  ...(report.gradientNorm !== null && { gradientNorm: report.gradientNorm }),
  ...(report.skipped !== null && { skipped: report.skipped }),
  ...(spike && { spike }),
});

/** Appends one JSON line per iteration to log.jsonl. A killed process loses at most the line being written. */
export class RunLog {
  readonly #path: string;
  readonly #file: number;
  /** What the log held when it was opened, without entries that were dropped. */
  readonly before: readonly LogEntry[];

  /**
   * Opens the log of a run directory.
   * @param done iterations over all stages that the run goes on from; entries after them, which a stopped run wrote
   *   past its last checkpoint, are dropped because they will be written again. 0 starts anew.
   */
  constructor(dir: string, done = 0) {
    this.#path = join(dir, LOG_NAME);
    this.before = done > 0 ? readRunLog(dir).filter(({ total }) => total <= done) : [];
    writeText(this.#path, this.before.map(toLine).join(""));
    this.#file = openSync(this.#path, "a");
  }

  /** @throws PenumbraError "environment" when the disk is full or gone */
  append(report: IterationReport, spike: LossSpike | null = null): void {
    const line = Buffer.from(toLine(logEntry(report, spike)));
    this.#write((file) => {
      for (let done = 0; done < line.length; ) done += writeSync(file, line, done);
    });
  }

  /** Waits until all that was appended lies on the disk: a checkpoint must not be ahead of the log. */
  sync(): void {
    this.#write(fsyncSync);
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(work: (file: number) => void): void {
    try {
      work(this.#file);
    } catch (error) {
      throw writeFailure(this.#path, error);
    }
  }
}

const toLine = (entry: LogEntry) => `${JSON.stringify(entry)}\n`;

/** JSON has no NaN; what was not finite came back as null. */
const numberFrom = (value: number | null) => value ?? Number.NaN;
const numbersFrom = (values: Record<string, number | null>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, numberFrom(value)]));

function parseLine(line: string): LogEntry {
  const entry = parseJson(line) as LogEntry;
  return {
    ...entry,
    loss: numberFrom(entry.loss),
    terms: numbersFrom(entry.terms),
    weights: numbersFrom(entry.weights),
    ...("gradientNorm" in entry && { gradientNorm: numberFrom(entry.gradientNorm ?? null) }),
  };
}

/**
 * All entries of a run's log, oldest first; [] when there is no log yet. A last line that was cut short is left out.
 * @throws PenumbraError "bad-input" for any other line that is no entry.
 */
export function readRunLog(dir: string): LogEntry[] {
  const path = join(dir, LOG_NAME);
  if (!existsSync(path)) return [];
  const lines = readTextFile(path, "a run's log").split("\n");
  lines.pop(); // "" after the last newline, or a line cut short
  return lines.map((line, index) => {
    try {
      return parseLine(line);
    } catch (cause) {
      throw badInput(`${path}, line ${index + 1}: not an entry of a run's log; remove the line`, cause);
    }
  });
}
