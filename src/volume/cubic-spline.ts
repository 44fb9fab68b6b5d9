import type { Triple } from "./volume.js";

/** Root of the cubic B-spline's filter, sqrt(3) - 2 = -0.2679 (Unser 1999, "Splines: a perfect fit"). */
const POLE = Math.sqrt(3) - 2;
const GAIN = (1 - POLE) * (1 - 1 / POLE);

/** The four B-spline weights around a point `t` (0 to below 1) past its lower neighbour. At 0: 1/6, 4/6, 1/6, 0. */
export const splineWeights = (t: number): [number, number, number, number] => [
  (1 - t) ** 3 / 6,
  (4 - 6 * t * t + 3 * t ** 3) / 6,
  (1 + 3 * t + 3 * t * t - 3 * t ** 3) / 6,
  t ** 3 / 6,
];

/**
 * Replaces voxels [D, H, W] by the coefficients of the cubic B-spline through them, with whole-sample mirrored edges:
 * a causal and an anticausal recursion along each axis.
 */
export function toSplineCoefficients_(data: Float32Array, [d, h, w]: Triple): void {
  filterAxis_(data, 1, d, h * w);
  filterAxis_(data, d, h, w);
  filterAxis_(data, d * h, w, 1);
}

/** Filters the middle axis of [outer, n, inner]. */
function filterAxis_(data: Float32Array, outer: number, n: number, inner: number): void {
  if (n === 1) return;
  const line = new Float64Array(inner);
  for (let o = 0; o < outer; o++) {
    const start = o * n * inner;
    startCausal(data, start, n, inner, line);
    for (let i = 0; i < inner; i++) data[start + i] = line[i]!;
    for (let k = 1; k < n; k++) {
      const at = start + k * inner;
      for (let i = 0; i < inner; i++) data[at + i] = line[i] = GAIN * data[at + i]! + POLE * line[i]!;
    }
    backwards_(data, start, n, inner, line);
  }
}

/** The first coefficients of the causal recursion: the mirrored signal's whole past, exactly. */
function startCausal(data: Float32Array, start: number, n: number, inner: number, line: Float64Array): void {
  line.fill(0);
  const scale = GAIN / (1 - POLE ** (2 * n - 2));
  for (let k = 0; k < n; k++) {
    const twice = k > 0 && k < n - 1 ? POLE ** (2 * n - 2 - k) : 0;
    const weight = scale * (POLE ** k + twice);
    if (Math.abs(weight) < 1e-18) continue;
    const at = start + k * inner;
    for (let i = 0; i < inner; i++) line[i]! += weight * data[at + i]!;
  }
}

function backwards_(data: Float32Array, start: number, n: number, inner: number, line: Float64Array): void {
  const last = start + (n - 1) * inner;
  const factor = POLE / (POLE * POLE - 1);
  for (let i = 0; i < inner; i++)
    data[last + i] = line[i] = factor * (data[last + i]! + POLE * data[last - inner + i]!);
  for (let k = n - 2; k >= 0; k--) {
    const at = start + k * inner;
    for (let i = 0; i < inner; i++) data[at + i] = line[i] = POLE * (line[i]! - data[at + i]!);
  }
}
