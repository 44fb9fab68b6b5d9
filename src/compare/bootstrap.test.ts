import { describe, expect, it } from "vitest";
import { bootstrapMean } from "./bootstrap.js";

describe("bootstrapMean", () => {
  it("is the mean, and has no width where nothing varies or there is one value", () => {
    expect(bootstrapMean([0.25, 0.25, 0.25])).toEqual({ mean: 0.25, low: 0.25, high: 0.25 });
    expect(bootstrapMean([3])).toEqual({ mean: 3, low: 3, high: 3 });
    expect(() => bootstrapMean([])).toThrow("no values");
  });

  it("of two values takes their means 0, 0.5 and 1 as often as coins fall", () => {
    // both ends have probability 1/4, far beyond 2.5 %
    expect(bootstrapMean([0, 1])).toEqual({ mean: 0.5, low: 0, high: 1 });
  });

  it("of seven values, one of them 1: the 97.5th percentile of a binomial(7, 1/7) over 7", () => {
    // P(k <= 3) = 0.9868 >= 0.975 > P(k <= 2) = 0.9256..., P(0) = 0.34
    const { low, high } = bootstrapMean([0, 0, 0, 1, 0, 0, 0]);
    expect([low, high]).toEqual([0, expect.closeTo(3 / 7, 10)]);
  });

  it("comes near mean ± 1.96 standard errors, and is the same each time", () => {
    const values = Array.from({ length: 50 }, (_, i) => i);
    const error = Math.sqrt((50 ** 2 - 1) / 12 / 50);
    const { mean, low, high } = bootstrapMean(values);
    expect(mean).toBe(24.5);
    expect(low).toBeCloseTo(24.5 - 1.96 * error, 0);
    expect(high).toBeCloseTo(24.5 + 1.96 * error, 0);
    expect(bootstrapMean(values)).toEqual({ mean, low, high });
    expect(bootstrapMean(values, 1)).not.toEqual({ mean, low, high });
  });
});
