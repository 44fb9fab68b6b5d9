import type { CaseFiles } from "../data/dataset.js";
import type { LabelRepair } from "../data/label-repair.js";
import type { PrepareOptions } from "../data/prepare.js";
import type { PartialConfig } from "../training/config.js";

/** A raw case and the part of the prepared set it goes to. */
export interface RawMember {
  readonly files: CaseFiles;
  readonly part: "training" | "test";
}

/** A set as its owners hand it out, found on disk. */
export interface RawSet {
  /** For dataset.json. */
  readonly name: string;
  readonly channelNames: readonly string[];
  /** Background first. */
  readonly classNames: readonly string[];
  readonly reference: string;
  readonly members: readonly RawMember[];
  readonly repair: LabelRepair;
  /** How its cases are prepared; --set overrides. */
  readonly config: PartialConfig;
  /** What differs from case to case; absent: nothing. */
  readonly perCase?: (options: PrepareOptions, id: string) => PrepareOptions;
  /** What else is done to the label of one case; absent: nothing. */
  readonly repairOf?: (repair: LabelRepair, id: string) => LabelRepair;
  /** What a person should know of how it was read. */
  readonly notes: readonly string[];
}

export interface RawOptions {
  /** Ids of the test cases, instead of the recipe's own split. */
  readonly testIds: readonly string[] | null;
  /** A folder for files that are needed until the set is prepared, such as an unpacked archive. */
  readonly scratch: string;
  /** Folder with what is known of files already read. */
  readonly cache: string;
  readonly workers?: number;
  /** Follow symbolic links that lead out of the raw data's folder. */
  readonly allowLinks: boolean;
  /** "data.spacingMm=[1,1,1]": what is asked for instead of what the recipe would set. */
  readonly set: readonly string[];
  readonly signal?: AbortSignal;
  /** Told of cases that were looked at before any is prepared; throws where that was stopped. */
  readonly onLook: (done: number, total: number) => void;
}

/** A data set with a name: where its raw files are and what is done to them. */
export interface Recipe {
  readonly summary: string;
  /** What to train it with afterwards. */
  readonly preset: string | null;
  /** Finds the raw set. Bad input: it isn't there, or not in its owners' layout. */
  find(raw: string, options: RawOptions): Promise<RawSet>;
}
