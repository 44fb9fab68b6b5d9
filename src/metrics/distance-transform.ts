import type { Triple } from "../volume/volume.js";

/** Stands for "no marked voxel in this column"; so a depth may have at most as many voxels. */
const NONE = 0xffff;

/**
 * Exact Euclidean distance from each query voxel to the nearest marked voxel, [D, H, W] row-major, both masks of
 * 0 and 1; results in the order of the query voxels. Infinity where nothing is marked.
 *
 * Linear in the voxels: the squared distance is separable, so one axis is a count (along D), and the other two
 * are lower envelopes of parabolas (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions",
 * Theory of Computing 8, 2012), done slice by slice: a slice fits in cache, and one without a query is skipped.
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
  const envelope = new LowerEnvelope(Math.max(height, width));
  let found = 0;
  for (let d = 0; d < depth; d++) {
    const from = d * plane;
    const asked = query.subarray(from, from + plane);
    if (asked.indexOf(1) < 0) continue;
    for (let h = 0; h < height; h++) {
      envelope.minimizeRow(steps, from + h * width, spacing[0], slice, h * width, width, spacing[2]);
    }
    for (let w = 0; w < width; w++) envelope.minimizeAsked(slice, asked, w, width, height, spacing[1]);
    for (let i = asked.indexOf(1); i >= 0; i = asked.indexOf(1, i + 1)) {
      distances[found++] = Math.sqrt(slice[i]!);
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

/** min over q of f(q) + (edge·(p - q))² for every p of a line, in linear time. Infinite f(q) take no part. */
class LowerEnvelope {
  /** Lowest parabolas from left to right: where their vertices lie, how high, and from where each is the lowest. */
  readonly #vertex: Int32Array;
  readonly #height: Float64Array;
  readonly #from: Float64Array;
  #last = -1;

  constructor(longest: number) {
    this.#vertex = new Int32Array(longest);
    this.#height = new Float64Array(longest);
    this.#from = new Float64Array(longest);
  }

  /** A row of the slice from the steps along D: squared distances within the (D, W) plane. */
  minimizeRow(
    steps: Uint16Array,
    from: number,
    stepEdge: number,
    slice: Float64Array,
    to: number,
    width: number,
    edge: number,
  ): void {
    this.#last = -1;
    for (let w = 0; w < width; w++) {
      const step = steps[from + w]!;
      if (step !== NONE) this.#add(w, (step * stepEdge) ** 2, edge);
    }
    if (this.#last < 0) {
      slice.fill(Number.POSITIVE_INFINITY, to, to + width);
      return;
    }
    let k = 0;
    for (let w = 0; w < width; w++) {
      while (k < this.#last && this.#from[k + 1]! < w) k++;
      slice[to + w] = (edge * (w - this.#vertex[k]!)) ** 2 + this.#height[k]!;
    }
  }

  /** One column of the slice in place, only at the voxels asked for; a column without any is left alone. */
  minimizeAsked(
    slice: Float64Array,
    asked: Uint8Array,
    column: number,
    stride: number,
    height: number,
    edge: number,
  ): void {
    let first = 0;
    while (first < height && !asked[column + first * stride]) first++;
    if (first === height) return;
    this.#last = -1;
    for (let h = 0, i = column; h < height; h++, i += stride) {
      if (slice[i] !== Number.POSITIVE_INFINITY) this.#add(h, slice[i]!, edge);
    }
    if (this.#last < 0) return;
    let k = 0;
    for (let h = first, i = column + first * stride; h < height; h++, i += stride) {
      if (!asked[i]) continue;
      while (k < this.#last && this.#from[k + 1]! < h) k++;
      slice[i] = (edge * (h - this.#vertex[k]!)) ** 2 + this.#height[k]!;
    }
  }

  #add(position: number, height: number, edge: number): void {
    const vertex = this.#vertex;
    const edge2 = edge * edge;
    let k = this.#last;
    let crossing = Number.NEGATIVE_INFINITY;
    for (; k >= 0; k--) {
      const other = vertex[k]!;
      crossing = (position + other) / 2 + (height - this.#height[k]!) / (2 * edge2 * (position - other));
      if (crossing > this.#from[k]!) break;
    }
    k++;
    vertex[k] = position;
    this.#height[k] = height;
    this.#from[k] = k === 0 ? Number.NEGATIVE_INFINITY : crossing;
    this.#last = k;
  }
}

function countOnes(mask: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i]!;
  return count;
}
