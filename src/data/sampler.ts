import { permutation, seeded } from "./random.js";

/** The two streams that a batch draws from; the numbers are part of the seed. */
export const STREAMS = { labeled: 1, unlabeled: 2 } as const;
export type Stream = keyof typeof STREAMS;

/**
 * Which of `cases` cases slot `slot` of iteration `iteration` takes, when each iteration takes `perBatch` of them.
 * The stream walks one random permutation of its cases after another, so each case comes once an epoch; epoch k's
 * order follows from (seed, stream, k) alone, so any iteration can be asked for first.
 */
export function caseAt(
  seed: number,
  stream: Stream,
  cases: number,
  perBatch: number,
  iteration: number,
  slot: number,
): number {
  const position = iteration * perBatch + slot;
  const epoch = Math.floor(position / cases);
  return permutation(cases, seeded(seed, STREAMS[stream], epoch))[position % cases]!;
}
