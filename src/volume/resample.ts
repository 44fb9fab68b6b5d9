import { type AxisMap, mapBetween } from "./axis-map.js";
import { toSplineCoefficients_ } from "./cubic-spline.js";
import { type AxisWeights, axisWeights, type ImageInterpolation } from "./interpolation-weights.js";
import { type Grid, type LabelMap, type Triple, type Volume, voxelCount } from "./volume.js";

export type { ImageInterpolation } from "./interpolation-weights.js";

/** "nearest": the nearest voxel's class; "one-hot-linear": the class with most weight when each is resampled linearly. */
export type LabelInterpolation = "nearest" | "one-hot-linear";

/** Adds weight * plane `z` of something [D, H, W] to `sum`. */
type AddPlane = (z: number, weight: number, sum: Float64Array) => void;

const addFloats =
  (data: Float32Array, planeSize: number): AddPlane =>
  (z, weight, sum) => {
    const start = z * planeSize;
    for (let i = 0; i < planeSize; i++) sum[i]! += weight * data[start + i]!;
  };

const addOneHot =
  (labels: Uint8Array, planeSize: number, value: number): AddPlane =>
  (z, weight, sum) => {
    const start = z * planeSize;
    for (let i = 0; i < planeSize; i++) if (labels[start + i] === value) sum[i]! += weight;
  };

/** Makes output planes one after another; only a few planes are held beside input and output. */
class PlaneSampler {
  readonly #weights: [AxisWeights, AxisWeights, AxisWeights];
  readonly #input: Triple;
  readonly #output: Triple;
  readonly #plane: Float64Array;
  readonly #row: Float64Array;

  constructor(input: Triple, { shape, origin, step }: AxisMap, interpolation: ImageInterpolation) {
    const along = (axis: 0 | 1 | 2) =>
      axisWeights(input[axis], shape[axis], origin[axis], step[axis], interpolation);
    this.#weights = [along(0), along(1), along(2)];
    [this.#input, this.#output] = [input, shape];
    this.#plane = new Float64Array(input[1] * input[2]);
    this.#row = new Float64Array(input[2]);
  }

  /** Output plane `z` into `out` [H', W'] from `start`. */
  sample(addPlane: AddPlane, z: number, out: Float32Array, start: number): void {
    const [along, down, across] = this.#weights;
    this.#plane.fill(0);
    for (let k = z * along.taps; k < (z + 1) * along.taps; k++)
      if (along.weights[k] !== 0) addPlane(along.indices[k]!, along.weights[k]!, this.#plane);
    for (let y = 0; y < this.#output[1]; y++) {
      this.#sumRows(down, y);
      this.#sampleRow(across, out, start + y * this.#output[2]);
    }
  }

  #sumRows({ taps, indices, weights }: AxisWeights, y: number): void {
    const width = this.#input[2];
    this.#row.fill(0);
    for (let k = y * taps; k < (y + 1) * taps; k++) {
      const [weight, from] = [weights[k]!, indices[k]! * width];
      if (weight !== 0) for (let x = 0; x < width; x++) this.#row[x]! += weight * this.#plane[from + x]!;
    }
  }

  #sampleRow({ taps, indices, weights }: AxisWeights, out: Float32Array, start: number): void {
    for (let x = 0, k = 0; x < this.#output[2]; x++) {
      let sum = 0;
      for (const end = k + taps; k < end; k++) sum += weights[k]! * this.#row[indices[k]!]!;
      out[start + x] = sum;
    }
  }
}

const isIdentity = (input: Triple, { shape, origin, step }: AxisMap): boolean =>
  shape.every((n, axis) => n === input[axis] && origin[axis] === 0 && step[axis] === 1);

/**
 * Samples an image [D, H, W] at `map`. "cubic" takes one more copy of the image in memory and can overshoot at sharp
 * edges. Coordinates outside the image take the value at its edge. There is no smoothing before a coarser grid.
 */
export function resampleImage(
  data: Float32Array,
  shape: Triple,
  map: AxisMap,
  interpolation: ImageInterpolation,
): Float32Array {
  if (isIdentity(shape, map)) return data;
  let source = data;
  if (interpolation === "cubic") {
    source = data.slice();
    toSplineCoefficients_(source, shape);
  }
  const sampler = new PlaneSampler(shape, map, interpolation);
  const out = new Float32Array(voxelCount(map.shape));
  const addPlane = addFloats(source, shape[1] * shape[2]);
  const planeSize = map.shape[1] * map.shape[2];
  for (let z = 0; z < map.shape[0]; z++) sampler.sample(addPlane, z, out, z * planeSize);
  return out;
}

/** Samples each channel linearly and keeps the number of the highest; the lower number where two are equal. */
function argmaxOf(channels: readonly AddPlane[], numbers: readonly number[], shape: Triple, map: AxisMap) {
  const sampler = new PlaneSampler(shape, map, "linear");
  const planeSize = map.shape[1] * map.shape[2];
  const [best, plane] = [new Float32Array(planeSize), new Float32Array(planeSize)];
  const out = new Uint8Array(voxelCount(map.shape));
  for (let z = 0; z < map.shape[0]; z++) {
    best.fill(Number.NEGATIVE_INFINITY);
    for (const [c, addPlane] of channels.entries()) {
      sampler.sample(addPlane, z, plane, 0);
      for (let i = 0; i < planeSize; i++) {
        if (plane[i]! <= best[i]!) continue;
        best[i] = plane[i]!;
        out[z * planeSize + i] = numbers[c]!;
      }
    }
  }
  return out;
}

/** Class probabilities [C, D, H, W], resampled linearly to `map`, as the most probable class of each voxel there. */
export function resampleToLabels(
  probabilities: Float32Array,
  classes: number,
  shape: Triple,
  map: AxisMap,
): Uint8Array {
  const voxels = voxelCount(shape);
  const numbers = Array.from({ length: classes }, (_, c) => c);
  const channels = numbers.map((c) =>
    addFloats(probabilities.subarray(c * voxels, (c + 1) * voxels), shape[1] * shape[2]),
  );
  return argmaxOf(channels, numbers, shape, map);
}

/** Nearest input index of each output voxel along an axis; halves go up. */
function nearestIndices(inputs: number, outputs: number, origin: number, step: number): Int32Array {
  return Int32Array.from({ length: outputs }, (_, i) =>
    Math.min(inputs - 1, Math.max(0, Math.floor(origin + step * i + 0.5))),
  );
}

function nearest(labels: Uint8Array, shape: Triple, map: AxisMap): Uint8Array {
  const along = (axis: 0 | 1 | 2) =>
    nearestIndices(shape[axis], map.shape[axis], map.origin[axis], map.step[axis]);
  const [zs, ys, xs] = [along(0), along(1), along(2)];
  const out = new Uint8Array(voxelCount(map.shape));
  let i = 0;
  for (const z of zs)
    for (const y of ys) {
      const row = (z * shape[1] + y) * shape[2];
      for (const x of xs) out[i++] = labels[row + x]!;
    }
  return out;
}

/** Samples a label map [D, H, W] at `map`; no class appears that it does not hold. */
export function resampleLabels(
  labels: Uint8Array,
  shape: Triple,
  map: AxisMap,
  interpolation: LabelInterpolation,
): Uint8Array {
  if (isIdentity(shape, map)) return labels;
  if (interpolation === "nearest") return nearest(labels, shape, map);
  const present = new Uint8Array(256);
  for (const value of labels) present[value] = 1;
  const numbers = [...present.keys()].filter((value) => present[value] === 1);
  const planeSize = shape[1] * shape[2];
  const channels = numbers.map((value) => addOneHot(labels, planeSize, value));
  return argmaxOf(channels, numbers, shape, map);
}

/** A volume on another grid with the same axes. Bad input: grids without affines, or with axes turned or mirrored. */
export function resampleVolume(volume: Volume, grid: Grid, interpolation: ImageInterpolation): Volume {
  const map = mapBetween(volume.grid, grid);
  return { grid, data: resampleImage(volume.data, volume.grid.shape, map, interpolation) };
}

/** A label map on another grid with the same axes. Bad input as `resampleVolume`. */
export function resampleLabelMap(labels: LabelMap, grid: Grid, interpolation: LabelInterpolation): LabelMap {
  const map = mapBetween(labels.grid, grid);
  return { grid, data: resampleLabels(labels.data, labels.grid.shape, map, interpolation) };
}
