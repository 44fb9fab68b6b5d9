import { formatDuration } from "../training/progress.js";

/** Work shorter than this passes without a line. */
const QUIET_MS = 2000;
const BETWEEN_LINES_MS = 5000;

/** Tells in lines how far a series of scans is, and how long the rest will take at the pace so far. */
export class WorkProgress {
  readonly #startedAt: number;
  #done = 0;
  #saidAt = Number.NEGATIVE_INFINITY;

  /** @param total work of all scans, in the unit of `next` */
  constructor(
    readonly total: number,
    readonly onStatus: (line: string) => void,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#startedAt = now();
  }

  /** Begins a scan of so much work; the result is told of each window done. */
  next(name: string, work: number): (done: number, windows: number) => void {
    const before = this.#done;
    this.#done += work;
    return (done, windows) => {
      const now = this.now();
      const elapsed = now - this.#startedAt;
      if (elapsed < QUIET_MS || now - this.#saidAt < BETWEEN_LINES_MS) return;
      this.#saidAt = now;
      const share = (before + (work * done) / windows) / this.total;
      const left = formatDuration(((elapsed / share) * (1 - share)) / 1000);
      this.onStatus(`${name}: window ${done}/${windows}, ${left} left`);
    };
  }
}
