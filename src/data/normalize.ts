import { badInput } from "../errors.js";

/** "z-score": by mean and standard deviation of the whole volume; "z-score-foreground": of the voxels over 0. */
export type Normalization = "z-score" | "z-score-foreground" | "none";

/** Limits intensities to [low, high], in place. */
export function clipTo_(values: Float32Array, [low, high]: readonly [number, number]): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(high, Math.max(low, values[i]!));
}

/** 1 where the intensity is over 0. */
export function positiveRegion(values: Float32Array): Uint8Array {
  const region = new Uint8Array(values.length);
  for (let i = 0; i < region.length; i++) region[i] = values[i]! > 0 ? 1 : 0;
  return region;
}

/** Mean and population standard deviation of the voxels where `mask` is 1, of all without a mask; in two passes. */
export function meanAndDeviation(
  values: Float32Array,
  mask: Uint8Array | null,
): { mean: number; deviation: number } {
  let [count, sum, squares] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    if (mask && mask[i] === 0) continue;
    count++;
    sum += values[i]!;
  }
  const mean = sum / count;
  for (let i = 0; i < values.length; i++) if (!mask || mask[i] === 1) squares += (values[i]! - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / count) };
}

/**
 * Every voxel becomes (value - mean) / deviation, in place; "none" leaves the values as they are. `foreground` says
 * which voxels count for "z-score-foreground". Bad input, naming `file`: all counted voxels alike, or none.
 */
export function normalize_(
  values: Float32Array,
  normalization: Normalization,
  foreground: Uint8Array,
  file: string,
): void {
  const first = values[0]!;
  if (values.every((value) => value === first)) {
    throw badInput(
      `${file}: every voxel is ${first}; an image that is constant (after clipping) shows nothing to segment`,
    );
  }
  if (normalization === "none") return;
  const { mean, deviation } = meanAndDeviation(values, normalization === "z-score" ? null : foreground);
  if (!(deviation > 0)) {
    throw badInput(
      `${file}: no two voxels over 0 differ, so z-score-foreground has no scale; use normalization "z-score"`,
    );
  }
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) / deviation;
}
