import { DivergedError } from "./diverged.js";
import type { IterationReport } from "./iteration.js";

/** Steps that were skipped because loss or gradient was not finite. Part of a checkpoint. */
export interface SkipCounts {
  readonly total: number;
  readonly inRow: number;
}

export const NO_SKIPS: SkipCounts = { total: 0, inRow: 0 };

/**
 * The counts after one more iteration.
 * @throws DivergedError when `limit` steps in a row were skipped, with stage, iteration, term and cases.
 */
export function countSkips(
  { total, inRow }: SkipCounts,
  { skipped, stage, iteration, caseIds }: IterationReport,
  limit: number,
): SkipCounts {
  if (skipped === null) return { total, inRow: 0 };
  if (inRow + 1 < limit) return { total: total + 1, inRow: inRow + 1 };
  throw new DivergedError(
    `${stage}, iteration ${iteration}: ${skipped} not finite, and ${limit} steps in a row skipped for it, ` +
      `last with cases ${caseIds.join(", ")}; lower optimizer.learningRate, set optimizer.clipNorm or check these images`,
  );
}
