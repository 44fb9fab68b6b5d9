import { expect, it } from "vitest";
import type { Random } from "../data/random.js";
import { seeded } from "../data/random.js";
import { normalPair, uniform } from "./draws.js";

/** Bits in this order. */
const fixed = (...values: number[]): Random => {
  let at = 0;
  return { bits: () => values[at++]!, below: () => 0 };
};

it("uniform puts the bits' part of 2^32 between the ends", () => {
  expect(uniform(fixed(0), -3, 5)).toBe(-3);
  expect(uniform(fixed(2 ** 30), -3, 5)).toBe(-1);
});

it("normalPair is Box and Muller's: radius of the first, angle of the second", () => {
  const [a, b] = normalPair(fixed(2 ** 31 - 1, 2 ** 30)); // u = 1/2, a quarter turn
  expect(a).toBeCloseTo(0, 12);
  expect(b).toBeCloseTo(Math.sqrt(2 * Math.LN2), 12);
  expect(normalPair(fixed(0, 0)).every(Number.isFinite)).toBe(true);
});

it("normalPair has mean 0 and variance 1", () => {
  const random = seeded(7);
  const values = Array.from({ length: 5000 }, () => normalPair(random)).flat();
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(0.04);
  expect(Math.abs(variance - 1)).toBeLessThan(0.06);
});
