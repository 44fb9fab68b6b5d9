import { splineWeights } from "./cubic-spline.js";

/** "linear": between the two neighbours; "cubic": through an interpolating cubic B-spline. */
export type ImageInterpolation = "linear" | "cubic";

/** Along one axis: which input voxels make each output voxel, and how much of each. `taps` of them a voxel. */
export interface AxisWeights {
  readonly taps: number;
  /** [outputs, taps] */
  readonly indices: Int32Array;
  /** [outputs, taps] */
  readonly weights: Float64Array;
}

/** Whole-sample mirror: ... 2 1 | 0 1 2 ... n-1 | n-2 n-3 ... */
export function mirrored(index: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * n - 2;
  const at = ((index % period) + period) % period;
  return at < n ? at : period - at;
}

/**
 * Weights for sampling `outputs` voxels at origin + step * i of an axis of `inputs` voxels. Coordinates outside the
 * axis take the value at its edge.
 */
export function axisWeights(
  inputs: number,
  outputs: number,
  origin: number,
  step: number,
  interpolation: ImageInterpolation,
): AxisWeights {
  const taps = interpolation === "linear" ? 2 : 4;
  const indices = new Int32Array(outputs * taps);
  const weights = new Float64Array(outputs * taps);
  for (let i = 0; i < outputs; i++) {
    const x = Math.min(inputs - 1, Math.max(0, origin + step * i));
    const below = Math.floor(x);
    const t = x - below;
    const values = interpolation === "linear" ? [1 - t, t] : splineWeights(t);
    const first = interpolation === "linear" ? below : below - 1;
    for (let k = 0; k < taps; k++) {
      indices[i * taps + k] = mirrored(first + k, inputs);
      weights[i * taps + k] = values[k]!;
    }
  }
  return { taps, indices, weights };
}
