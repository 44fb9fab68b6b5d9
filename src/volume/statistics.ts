import type { StoredArray } from "./stored-image.js";

/** A value of a label map and how many voxels hold it. */
export interface ValueCount {
  readonly value: number;
  readonly voxels: number;
}

/** Of the voxels that are finite; NaN where none is. */
export interface Statistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly notFinite: number;
  /** Rising; null where the values are no labels: not whole, below 0, or too many. */
  readonly counts: readonly ValueCount[] | null;
}

/** More values than this are an image's, not labels. */
const MOST_LABELS = 128;

/** Counts the voxels of each value until the values prove to be no labels. */
class LabelCounter {
  #counts: Map<number, number> | null = new Map();
  #value = Number.NaN;
  #run = 0;

  add(value: number): void {
    if (value === this.#value) {
      this.#run++;
      return;
    }
    this.#close();
    this.#value = value;
    this.#run = 1;
    const counts = this.#counts;
    if (
      counts &&
      (!Number.isInteger(value) || value < 0 || (counts.size === MOST_LABELS && !counts.has(value)))
    )
      this.#counts = null;
  }

  #close(): void {
    if (this.#run > 0) this.#counts?.set(this.#value, (this.#counts.get(this.#value) ?? 0) + this.#run);
  }

  counts(): ValueCount[] | null {
    this.#close();
    this.#run = 0;
    const counts = this.#counts;
    return (
      counts && [...counts].map(([value, voxels]) => ({ value, voxels })).sort((a, b) => a.value - b.value)
    );
  }
}

/** Statistics of stored * slope + intercept, in double precision. */
export function statisticsOf(stored: StoredArray, slope: number, intercept: number): Statistics {
  let [min, max, sum, notFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  const labels = new LabelCounter();
  for (let i = 0; i < stored.length; i++) {
    const value = Number(stored[i]!) * slope + intercept;
    labels.add(value);
    if (!Number.isFinite(value)) {
      notFinite++;
      continue;
    }
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const finite = stored.length - notFinite;
  const known = finite > 0;
  return {
    min: known ? min : Number.NaN,
    max: known ? max : Number.NaN,
    mean: sum / finite,
    notFinite,
    counts: labels.counts(),
  };
}
