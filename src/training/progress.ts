import type { Writable } from "node:stream";
import { printable } from "../errors.js";
import type { IterationReport } from "./iteration.js";

/** Where progress is shown: a terminal, or anything else that takes lines. */
export type ProgressStream = Writable & { isTTY?: boolean; columns?: number };

export interface ProgressOptions {
  readonly stream: ProgressStream;
  /** Iterations between lines where the stream is no terminal. */
  readonly everyIterations: number;
  /** A line comes at the latest after this time. */
  readonly everyMs?: number;
  /** Time in ms, for tests. */
  readonly now?: () => number;
}

const BAR_CELLS = 20;
const REDRAW_MS = 100;
/** Weight of the newest iteration in the running mean of the seconds per iteration. */
const NEWEST = 0.1;

/** 3725 -> "1 h 02 min"; 62 -> "1 min 02 s"; 7.2 -> "7 s". */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s` : `${whole} s`;
}

/** 0.25 of 8 cells -> "██░░░░░░". */
export function formatBar(fraction: number, cells = BAR_CELLS): string {
  const full = Math.floor(Math.min(Math.max(fraction, 0), 1) * cells);
  return "█".repeat(full) + "░".repeat(cells - full);
}

const formatTerms = ({ terms }: IterationReport) =>
  Object.entries(terms)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join("  ");

/** "stage1 120/6000  loss 0.412  dice 0.301  contrast 1.234  0.62 s/it  1 h 12 min left". */
export function formatProgress(report: IterationReport, secondsPerIteration: number): string {
  const left = report.ahead * secondsPerIteration;
  return [
    `${report.stage} ${report.iteration}/${report.iterations}`,
    ...(Object.keys(report.terms).length > 0 ? [`loss ${report.loss.toFixed(3)}`, formatTerms(report)] : []),
    `${secondsPerIteration.toFixed(2)} s/it`,
    left > 0 ? `${formatDuration(left)} left` : "done",
  ].join("  ");
}

/** Shows how a training goes: a bar that is redrawn in place on a terminal, now and then a line elsewhere. */
export class Progress {
  readonly #options: Required<ProgressOptions>;
  #stage = "";
  #mean = 0;
  #shownAt = Number.NEGATIVE_INFINITY;
  #lineIsOpen = false;

  constructor(options: ProgressOptions) {
    this.#options = { everyMs: 30_000, now: () => performance.now(), ...options };
  }

  update(report: IterationReport): void {
    this.#averageSeconds(report);
    const finished = report.iteration === report.iterations;
    if (this.#options.stream.isTTY) this.#redraw(report, finished);
    else this.#line(report, finished);
  }

  /** A line of its own, below what is shown. */
  note(text: string): void {
    this.end();
    this.#options.stream.write(`${printable(text)}\n`);
  }

  /** Leaves a bar that is still open as it stands. */
  end(): void {
    if (this.#lineIsOpen) this.#options.stream.write("\n");
    this.#lineIsOpen = false;
  }

  /** Stages differ in pace, so each starts its own mean. */
  #averageSeconds({ stage, seconds }: IterationReport): void {
    this.#mean = stage === this.#stage ? this.#mean + NEWEST * (seconds - this.#mean) : seconds;
    this.#stage = stage;
  }

  #redraw(report: IterationReport, finished: boolean): void {
    const { stream, now } = this.#options;
    if (!finished && now() - this.#shownAt < REDRAW_MS) return;
    this.#shownAt = now();
    const text = `${formatBar(report.total / report.totalIterations)} ${formatProgress(report, this.#mean)}`;
    // Cut to the terminal's width (a wrapped line can't be redrawn); \r and "erase to the end" replace the last one.
    stream.write(`\r${text.slice(0, (stream.columns ?? 80) - 1)}\x1b[K`);
    this.#lineIsOpen = true;
    if (finished) this.end();
  }

  #line(report: IterationReport, finished: boolean): void {
    const { stream, everyIterations, everyMs, now } = this.#options;
    const due = report.iteration % everyIterations === 0 || now() - this.#shownAt >= everyMs;
    if (!due && !finished) return;
    this.#shownAt = now();
    stream.write(`${formatProgress(report, this.#mean)}\n`);
  }
}
