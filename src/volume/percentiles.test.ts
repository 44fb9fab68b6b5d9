import { expect, it } from "vitest";
import { percentiles } from "./percentiles.js";

it("interpolates between ranks", () => {
  expect(percentiles(Float32Array.of(8, 1, 4, 2), [0, 50, 100, 25])).toEqual([1, 3, 8, 1.75]);
});

it("orders negative numbers, zeros and halves as a sort does", () => {
  const values = Float32Array.from({ length: 1001 }, (_, i) => Math.sin(i * 12.9898) * 10 ** ((i % 9) - 4));
  values[7] = 0;
  values[8] = -0;
  const sorted = values.slice().sort();
  const percents = Array.from({ length: 101 }, (_, i) => i);
  expect(percentiles(values, percents)).toEqual(percents.map((percent) => sorted[percent * 10]! + 0));
});

it("is not a number without values", () => {
  expect(percentiles(new Float32Array(0), [50])).toEqual([Number.NaN]);
});
