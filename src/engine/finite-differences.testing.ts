import { expect } from "vitest";
import { fromArray } from "./make-tensor.js";
import { scope } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** Repeatable numbers around 0, about ±2: no test depends on a generator. */
export const wave = (count: number, phase = 0): number[] =>
  Array.from({ length: count }, (_, i) => 2 * Math.sin(1.7 * i + 0.3 * (i % 7) * i + phase));

interface Check {
  readonly step?: number;
  /** Largest difference allowed, relative to the largest component of the gradient. */
  readonly tolerance?: number;
  /** float32 for functions that take no doubles. */
  readonly single?: boolean;
}

/**
 * Fails unless the gradient that back-propagation finds for `loss` agrees with central differences in every component.
 * Double precision unless `single`.
 */
export function expectGradient(
  loss: (x: Tensor) => Tensor,
  shape: readonly number[],
  values: readonly number[],
  { single = false, step = single ? 1e-2 : 1e-5, tolerance = single ? 1e-2 : 1e-6 }: Check = {},
): void {
  const tensor = (from: readonly number[]) =>
    fromArray(single ? Float32Array.from(from) : Float64Array.from(from), shape);
  const at = (i: number, change: number) =>
    scope(() => loss(tensor(values.map((v, j) => (j === i ? v + change : v)))).item());
  const numeric = values.map((_, i) => (at(i, step) - at(i, -step)) / (2 * step));
  scope(() => {
    const x = tensor(values).requireGrad();
    loss(x).backward();
    const gradient = [...x.grad!.toFloat32Array()];
    const largest = Math.max(...numeric.map(Math.abs));
    expect(largest, "a gradient that is not zero").toBeGreaterThan(0);
    const difference = Math.max(...gradient.map((g, i) => Math.abs(g - numeric[i]!)));
    expect(
      difference / largest,
      `back-propagation ${gradient.slice(0, 6)} but differences ${numeric.slice(0, 6)}`,
    ).toBeLessThan(tolerance);
  });
}
