/** What the server and the page say to each other: types only, shared by both. */

/** A run as lists show it. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly dir: string;
  readonly method: string;
  readonly created: string;
  /** "running": its log grew within the last minute and it has no model yet. */
  readonly state: "running" | "finished" | "stopped";
  readonly iterations: { readonly done: number; readonly total: number };
  readonly labeled: number;
  readonly unlabeled: number;
  readonly classNames: readonly string[];
  /** Whether the method learns a distribution that samples can be drawn from. */
  readonly stochastic: boolean;
  readonly data: string | null;
  /** Mean Dice of each split that was evaluated. */
  readonly dice: Readonly<Record<string, number>>;
  /** What is wrong with its data directory, if anything. */
  readonly problem: string | null;
}

/** A data directory that cases come from. */
export interface DataSummary {
  readonly id: string;
  readonly name: string;
  readonly dir: string;
  readonly classNames: readonly string[];
  readonly labeled: number;
  readonly unlabeled: number;
  readonly test: number;
  readonly corrected: number;
}

export interface Overview {
  readonly root: string;
  readonly version: string;
  readonly runs: readonly RunSummary[];
  readonly data: readonly DataSummary[];
  /** Results of `penumbra compare`. */
  readonly comparisons: readonly { readonly id: string; readonly name: string; readonly dir: string }[];
  /** Directories that look like runs or data but can't be read, and why. */
  readonly problems: readonly string[];
}

/** A run in full. */
export interface RunDetail extends RunSummary {
  readonly facts: Readonly<Record<string, string>>;
  readonly stages: readonly { readonly name: string; readonly iterations: number }[];
  readonly reports: readonly string[];
}

/** One iteration of a run's log. */
export interface LogPoint {
  readonly stage: string;
  readonly iteration: number;
  readonly total: number;
  readonly loss: number | null;
  readonly terms: Readonly<Record<string, number | null>>;
  readonly weights: Readonly<Record<string, number | null>>;
  readonly learningRate: number;
  readonly secondsPerIteration: number;
}

/** What the networks of a running method make of one fixed case. */
export interface ValidationCase {
  readonly id: string;
  readonly split: "test" | "unlabeled" | "labeled";
  /** Mean Dice over the foreground classes, by network; null where the case has no label. */
  readonly dice: Readonly<Record<string, number>> | null;
  /** Files in the run's validation directory, by network. */
  readonly pictures: Readonly<Record<string, string>>;
}

/** One line of a run's validation log. */
export interface ValidationPoint {
  readonly stage: string;
  readonly iteration: number;
  readonly total: number;
  readonly cases: readonly ValidationCase[];
  /** File with features near boundaries, in the run's validation directory. */
  readonly features: string | null;
}

/** Features near boundaries at one iteration. */
export interface FeatureSample {
  readonly stage: string;
  readonly total: number;
  /** "projection": unit length, from the projection head; "embedding": the last level of the network. */
  readonly space: "projection" | "embedding";
  readonly rows: readonly {
    readonly feature: readonly number[];
    readonly class: number;
    readonly source: "labeled" | "pseudo-labeled";
  }[];
  /** [classes][channels], where the method has prototypes. */
  readonly prototypes: readonly (readonly number[])[] | null;
}

export type Split = "test" | "labeled" | "unlabeled";

export interface Layers {
  readonly image: string;
  /** Of a test case its own label, which scores are against; of others the newest correction before it. */
  readonly reference: string | null;
  /** The newest saved correction, also where it is the reference. */
  readonly correction: string | null;
  readonly prediction: string | null;
  readonly uncertainty: string | null;
  readonly samples: readonly string[];
}

/** Scores of one class of a case. */
export interface ClassScore {
  readonly class: string;
  readonly dice: number;
  readonly jaccard: number;
  readonly hd95: number | null;
  readonly asd: number | null;
}

export interface CaseRow {
  readonly id: string;
  readonly split: Split;
  readonly scores: readonly ClassScore[];
  /** Place among the unlabeled cases, 1 is to be labeled first; null where not ranked. */
  readonly rank: { readonly place: number; readonly value: number } | null;
  /** Version of the newest saved correction, 0 for none. */
  readonly corrected: number;
  /** Whether the scores are against the label that was there before the reference. */
  readonly scoredBefore: boolean;
  readonly layers: Layers;
}

export interface CaseTable {
  readonly unit: "mm" | "voxel";
  readonly rule: string | null;
  readonly rows: readonly CaseRow[];
}

export interface Job {
  readonly id: number;
  readonly kind: "maps" | "ranking";
  readonly run: string;
  readonly subject: string;
  readonly state: "waiting" | "running" | "done" | "failed";
  readonly line: string;
}

/** What was saved, where, and as which version. */
export interface SavedLabel {
  readonly path: string;
  readonly version: number;
  /** How training will use it. */
  readonly note: string;
}
