import type { Dataset } from "../data/dataset.js";
import type { Precision } from "../engine/precision.js";
import type { Method } from "../methods/method.js";
import type { Position } from "./checkpoint.js";
import type { Config } from "./config.js";

/** Looks at a method between two steps; must leave its networks and the generators as they were. */
export interface Observer {
  /** What at the end of a stage would be worth a warning; null: nothing. */
  look(method: Method, position: Position): string | null;
}

/** What an observer is made from, once the run directory is there. */
export interface ObservedRun {
  readonly dir: string;
  readonly config: Config;
  readonly dataset: Dataset;
  readonly precision: Precision;
  /** Iterations over all stages that the run goes on from. */
  readonly done: number;
}

export type MakeObserver = (run: ObservedRun) => Promise<Observer>;
