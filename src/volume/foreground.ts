import type { Box } from "./box.js";
import { percentiles } from "./percentiles.js";
import { mapAxes, type Triple } from "./volume.js";

const BINS = 256;

/**
 * The threshold that parts intensities into a dark and a bright group which differ most: Otsu 1979, from a histogram of
 * 256 bins between the 0.1st and the 99.9th percentile, so that single bright voxels do not stretch it.
 */
export function otsuThreshold(values: Float32Array): number {
  const [low, high] = percentiles(values, [0.1, 99.9]) as [number, number];
  if (!(high > low)) return low;
  const counts = new Float64Array(BINS);
  const scale = BINS / (high - low);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i]! - low) * scale);
    counts[Math.min(BINS - 1, Math.max(0, bin))]!++;
  }
  const total = counts.reduce((sum, count, bin) => sum + count * bin, 0);
  let [below, belowSum, best, bestBin] = [0, 0, -1, 0];
  for (let bin = 0; bin < BINS - 1; bin++) {
    below += counts[bin]!;
    belowSum += counts[bin]! * bin;
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const between = below * above * (belowSum / below - (total - belowSum) / above) ** 2;
    if (between > best) [best, bestBin] = [between, bin];
  }
  return low + (bestBin + 1) / scale;
}

/** Bright voxels of a plane, along one axis, that still may be noise: one in so many. */
const NOISE_SHARE = 0.001;

/** From the first to past the last place whose count is above what noise may reach; the whole axis where none is. */
function extentOf(counts: Float64Array, planeSize: number): [number, number] {
  const least = Math.max(1, NOISE_SHARE * planeSize);
  const first = counts.findIndex((count) => count >= least);
  if (first < 0) return [0, counts.length];
  return [first, counts.findLastIndex((count) => count >= least) + 1];
}

/**
 * The box around what is not air, from the image alone: the planes in which at least a thousandth of the voxels are
 * brighter than Otsu's threshold.
 */
export function foregroundBox(image: Float32Array, shape: Triple): Box {
  const threshold = otsuThreshold(image);
  const [depth, height, width] = shape;
  const counts = shape.map((n) => new Float64Array(n)) as [Float64Array, Float64Array, Float64Array];
  let i = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        if (image[i++]! < threshold) continue;
        counts[0][z]!++;
        counts[1][y]!++;
        counts[2][x]!++;
      }
  const planes = [height * width, depth * width, depth * height];
  const extents = counts.map((along, axis) => extentOf(along, planes[axis]!));
  return { start: mapAxes((axis) => extents[axis]![0]), end: mapAxes((axis) => extents[axis]![1]) };
}
