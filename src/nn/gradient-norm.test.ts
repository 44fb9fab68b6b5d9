import { expect, it } from "vitest";
import { fromArray } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import { clipGradients, gradientNorm } from "./gradient-norm.js";

const gradients = (...last: number[]) =>
  new Map([
    ["a", fromArray(Float32Array.of(1, 2), [2])],
    ["b", fromArray(Float32Array.from(last), [last.length, 1])],
  ]);

it("is the root of the sum of squares over all tensors", () => {
  scope(() => {
    expect(gradientNorm(gradients(2, 4))).toBeCloseTo(5, 6); // 1 + 4 + 4 + 16
    expect(gradientNorm(new Map())).toBe(0);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(Number.isFinite(gradientNorm(gradients(0, value)))).toBe(false);
  });
});

it("is brought down to the limit with one factor, and left alone below it", () => {
  scope(() => {
    const large = gradients(2, 4);
    clipGradients(large, 5, 2.5);
    expect([...large.values()].map((x) => [...x.toFloat32Array()])).toEqual([
      [0.5, 1],
      [1, 2],
    ]);
    const small = gradients(2, 4);
    clipGradients(small, 5, 5);
    expect([...small.get("b")!.toFloat32Array()]).toEqual([2, 4]);
  });
});
