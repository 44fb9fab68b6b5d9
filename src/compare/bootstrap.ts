import { seeded } from "../data/random.js";
import { percentile } from "../metrics/surface-distance.js";

/** A mean and where it may lie. */
export interface Interval {
  readonly mean: number;
  /** 2.5th and 97.5th percentile of the resampled means. */
  readonly low: number;
  readonly high: number;
}

export const RESAMPLES = 10_000;

/**
 * Percentile bootstrap of a mean (Efron 1979): the mean of as many values drawn with replacement, 10,000 times. Seeded:
 * the same values in the same order give the same interval. RangeError for no value.
 */
export function bootstrapMean(values: readonly number[], seed = 0, resamples = RESAMPLES): Interval {
  if (values.length === 0) throw new RangeError("bootstrapMean: no values");
  const random = seeded(seed, values.length);
  const n = values.length;
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[random.below(n)]!;
    return sum / n;
  });
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return { mean, low: percentile(means, 2.5), high: percentile(means, 97.5) };
}
