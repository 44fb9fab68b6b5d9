import type { Triple } from "../volume/volume.js";
import { LowerEnvelope } from "./lower-envelope.js";

/** Stands for "no marked voxel in this column"; so a depth may have at most as many voxels. */
const NONE = 0xffff;
/** Up to so many queries per column of a slice a look around each is cheaper than an envelope, and still linear. */
const SPARSE_PER_COLUMN = 8;

/**
 * Exact Euclidean distance from each query voxel to the nearest marked voxel, [D, H, W] row-major, both masks of
 * 0 and 1; results in the order of the query voxels. Infinity where nothing is marked.
 *
 * Linear in the voxels: the squared distance is separable, so one axis is a count (along D), and the other two
 * are lower envelopes of parabolas, done slice by slice: a slice fits in cache, and one without a query is skipped.
 */
export function distancesToMarked(
  marked: Uint8Array,
  query: Uint8Array,
  [depth, height, width]: Triple,
  spacing: Triple,
): Float64Array {
  const distances = new Float64Array(countOnes(query));
  const steps = stepsAlongDepth(marked, [depth, height, width]);
  const plane = height * width;
  const slice = new Float64Array(plane);
  const alongWidth = new LowerEnvelope(width, spacing[2]);
  const alongHeight = new LowerEnvelope(height, spacing[1]);
  let found = 0;
  for (let from = 0; from < query.length; from += plane) {
    const asked = query.subarray(from, from + plane);
    const queries = countOnes(asked);
    if (queries === 0) continue;
    for (let i = 0; i < plane; i++) {
      const away = steps[from + i]!;
      slice[i] = away === NONE ? Number.POSITIVE_INFINITY : (away * spacing[0]) ** 2;
    }
    for (let row = 0; row < plane; row += width) alongWidth.minimizeLine(slice, row, 1);
    const isSparse = queries <= SPARSE_PER_COLUMN * width;
    for (let w = 0; w < width && !isSparse; w++) alongHeight.minimizeLine(slice, w, width, asked);
    for (let i = asked.indexOf(1); i >= 0; i = asked.indexOf(1, i + 1)) {
      const squared = isSparse ? nearestInColumn(slice, i, width, spacing[1]) : slice[i]!;
      distances[found++] = Math.sqrt(squared);
    }
  }
  return distances;
}

/** Voxels along D to the nearest marked voxel of the same column. */
function stepsAlongDepth(marked: Uint8Array, [depth, height, width]: Triple): Uint16Array {
  if (depth >= NONE) throw new RangeError(`distancesToMarked: depth ${depth} is over ${NONE - 1} voxels`);
  const plane = height * width;
  const steps = new Uint16Array(marked.length);
  for (let i = 0; i < plane; i++) steps[i] = marked[i] ? 0 : NONE;
  for (let i = plane; i < steps.length; i++) {
    const before = steps[i - plane]!;
    steps[i] = marked[i] ? 0 : before === NONE ? NONE : before + 1;
  }
  for (let i = steps.length - plane - 1; i >= 0; i--) {
    const after = steps[i + plane]!;
    if (after + 1 < steps[i]!) steps[i] = after + 1;
  }
  return steps;
}

/** min over q of f(q) + (edge·(p - q))² at one place of a column, looking outwards until the second term is too large. */
function nearestInColumn(slice: Float64Array, at: number, stride: number, edge: number): number {
  let least = slice[at]!;
  for (let step = 1, up = at - stride, down = at + stride; up >= 0 || down < slice.length; step++) {
    const across = (edge * step) ** 2;
    if (across >= least) break;
    if (up >= 0 && slice[up]! + across < least) least = slice[up]! + across;
    if (down < slice.length && slice[down]! + across < least) least = slice[down]! + across;
    up -= stride;
    down += stride;
  }
  return least;
}

function countOnes(mask: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i]!;
  return count;
}
