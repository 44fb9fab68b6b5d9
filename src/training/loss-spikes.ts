import type { IterationReport } from "./iteration.js";

/** Losses that the next one is compared with, and how many there must be. */
const WINDOW = 50;
const LEAST = 10;

/** A loss far above those before it. */
export interface LossSpike {
  /** Of the losses before it. */
  readonly median: number;
  /** How far above the median, in median absolute deviations. */
  readonly deviations: number;
}

const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Watches for losses that jump; each stage starts anew. It only reports: training goes on as it would. */
export class LossSpikes {
  #stage = "";
  #recent: number[] = [];

  /** @param limit deviations from the median that make a spike; null reports none. */
  constructor(readonly limit: number | null) {}

  /** Takes the next loss of a run; says so when it is a spike. */
  see({ stage, loss }: Pick<IterationReport, "stage" | "loss">): LossSpike | null {
    if (stage !== this.#stage) this.#recent = [];
    this.#stage = stage;
    if (!Number.isFinite(loss)) return null;
    const spike = this.#compare(loss);
    this.#recent.push(loss);
    if (this.#recent.length > WINDOW) this.#recent.shift();
    return spike;
  }

  #compare(loss: number): LossSpike | null {
    if (this.limit === null || this.#recent.length < LEAST) return null;
    const median = medianOf(this.#recent);
    const deviation = medianOf(this.#recent.map((value) => Math.abs(value - median)));
    const deviations = (loss - median) / deviation;
    return deviation > 0 && deviations > this.limit ? { median, deviations } : null;
  }
}
