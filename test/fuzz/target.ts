import type { Random } from "#dist/data/random.js";

/** A kind of input and what reads it. */
export interface Target {
  readonly name: string;
  /** How large its share of all mutations is, against the other targets'. */
  readonly share: number;
  /** Makes valid inputs, and what the reader needs around them, in an empty folder of its own. */
  prepare(dir: string): Promise<Prepared>;
}

export interface Prepared {
  /** Where each mutated input is written. */
  readonly path: string;
  mutated(random: Random): Buffer;
  /** Reads the input; may throw or reject. */
  read(): unknown;
}

/** One of a list. */
export const pick = <T>(values: readonly T[], random: Random): T => values[random.below(values.length)]!;
