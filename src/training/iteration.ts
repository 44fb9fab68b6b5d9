import type { StepFigures } from "./step.js";

/** One iteration as the log and the progress display see it. */
export interface IterationReport extends StepFigures {
  readonly stage: string;
  /** Iterations of this stage done, and all of them. */
  readonly iteration: number;
  readonly iterations: number;
  /** The same over all stages. */
  readonly total: number;
  readonly totalIterations: number;
  /** Iterations to come in this stage's time: an iteration of another pace counts as more or less than one. */
  readonly ahead: number;
  readonly learningRate: number;
  readonly seconds: number;
  /** Time of `seconds` in which the trainer waited for data. */
  readonly waitedSeconds: number;
  readonly caseIds: readonly string[];
}
