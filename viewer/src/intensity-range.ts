import type { NVImage } from "@niivue/niivue";
import { isCt } from "../../src/report/ct-window.js";

type Voxels = NonNullable<NVImage["img"]>;
export type Range = readonly [low: number, high: number];

/** Part of the voxels at each end that an image's own window leaves out. */
const OUTERMOST = 0.02;
const SAMPLES = 200_000;
/** Where more of the voxels are 0 they are taken for background. */
const MOST_ZEROS = 0.6;

/** Widths of the robust range to each side of its middle that can be shown. */
export const REACH = 16;

/** Of intensities: all of them, and without the outermost 2 %. */
export interface IntensityRange {
  readonly whole: Range;
  readonly robust: Range;
}

/**
 * Ranges of stored numbers [nz, ny, nx]: the whole one of all voxels, the robust one of a sample of the middle half along each
 * axis, so that neither air around the patient nor a few voxels out of range decide. What is no number or infinite is left out.
 */
export function intensityRange(voxels: Voxels, size: readonly [number, number, number]): IntensityRange {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < voxels.length; i++) {
    const value = voxels[i]!;
    if (value < low && value !== Number.NEGATIVE_INFINITY) low = value;
    if (value > high && value !== Number.POSITIVE_INFINITY) high = value;
  }
  const whole: Range = low <= high ? [low, high] : [0, 0];
  return { whole, robust: robustOf(middleOf(voxels, size)) ?? whole };
}

/** Null where all are alike. */
function robustOf(sample: readonly number[]): Range | null {
  const there = sample.filter((value) => value !== 0);
  const isMostlyZero = there.length < (1 - MOST_ZEROS) * sample.length;
  const sorted = Float64Array.from(isMostlyZero ? there : sample).sort();
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] ?? 0;
  const low = isMostlyZero ? Math.min(0, at(OUTERMOST)) : at(OUTERMOST);
  const high = at(1 - OUTERMOST);
  return low < high ? [low, high] : null;
}

/** Every k-th voxel of the middle half along each axis. */
function middleOf(voxels: Voxels, size: readonly [number, number, number]): number[] {
  const [from, to] = [size.map((n) => Math.floor(n / 4)), size.map((n) => n - Math.floor(n / 4))];
  const count = size.reduce((product, _, axis) => product * (to[axis]! - from[axis]!), 1);
  const step = Math.ceil(Math.cbrt(count / SAMPLES));
  const sample: number[] = [];
  for (let z = from[2]!; z < to[2]!; z += step) {
    for (let y = from[1]!; y < to[1]!; y += step) {
      for (let x = from[0]!; x < to[0]!; x += step) {
        const value = voxels[(z * size[1] + y) * size[0] + x]!;
        if (Number.isFinite(value)) sample.push(value);
      }
    }
  }
  return sample;
}

/** What of an image's intensities can be told apart: all but what lies far beyond the robust range. */
export function shownRange({ robust_min, robust_max, global_min, global_max }: NVImage): Range {
  const [middle, reach] = [(robust_min! + robust_max!) / 2, REACH * (robust_max! - robust_min!)];
  return [Math.max(global_min!, middle - reach), Math.min(global_max!, middle + reach)];
}

/** Whether the image looks like CT in Hounsfield units. */
export const isCtImage = (image: NVImage): boolean => isCt(image.robust_min!, shownRange(image)[0]);
