import type { DistanceUnit, Evaluation } from "../metrics/score.js";
import type { MethodName } from "../training/method-catalog.js";
import type { Interval } from "./bootstrap.js";

export const METRICS = ["dice", "jaccard", "hd95", "asd"] as const;
export type Metric = (typeof METRICS)[number];

/** One method trained with one seed, and how its last checkpoint scores. */
export interface CellResult {
  readonly method: MethodName;
  readonly seed: number;
  /** Its run directory. */
  readonly run: string;
  /** Null where training diverged; `diverged` says when and how. */
  readonly evaluation: Evaluation | null;
  readonly diverged: string | null;
  /** Steps that move parameters, and labeled patches seen in them, as configured. */
  readonly steps: number;
  readonly labeledPatches: number;
  /** A batch was worked off in so many parts, as memory demanded: each had statistics and losses of its own. */
  readonly parts: number;
  /** Time of all iterations done, data included. */
  readonly minutes: number;
}

/** Mean over seeds and sample standard deviation, null for fewer than two seeds. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number | null;
}

/** A method on one class, or on "all": means over cases (and classes), spread over seeds. */
export interface ClassSummary extends Record<Metric, Spread | null> {
  readonly class: string;
  /** Rows (case, class, seed) without a distance because prediction or reference is empty, of so many. */
  readonly missing: number;
  readonly rows: number;
}

export interface MethodSummary {
  readonly method: MethodName;
  readonly seeds: number;
  readonly diverged: number;
  /** Each class, then "all" where there are several. Empty where every seed diverged. */
  readonly classes: readonly ClassSummary[];
  readonly steps: number;
  readonly labeledPatches: number;
  readonly minutes: Spread;
}

/** `method` minus `against` on the same cases and seeds: mean of the per-case differences, resampled over cases. */
export interface Difference extends Interval {
  readonly method: MethodName;
  readonly against: MethodName;
  readonly metric: Metric;
  readonly class: string;
  /** Seeds that both finished, over which each case's value is a mean. */
  readonly seeds: number;
  /** Cases both have a value for, and those left out because one has none. */
  readonly cases: number;
  readonly leftOut: number;
}

/** All that `compare` found. */
export interface Comparison {
  readonly data: string;
  readonly labeled: number;
  /** Cells in all; more than `cells` while some are still to come. */
  readonly planned: number;
  readonly unit: DistanceUnit;
  readonly methods: readonly MethodSummary[];
  readonly differences: readonly Difference[];
  readonly cells: readonly CellResult[];
}

/** The name under which all classes are counted together. */
export const ALL = "all";
