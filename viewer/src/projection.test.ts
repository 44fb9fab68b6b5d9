import { expect, it } from "vitest";
import type { FeatureSample } from "../../src/viewer/api.js";
import { project } from "./projection.js";

const sample = (total: number, features: number[][]): FeatureSample => ({
  stage: "stage2",
  total,
  space: "embedding",
  rows: features.map((feature, i) => ({ feature, class: i % 2, source: "labeled" })),
  prototypes: [[0, 0, 0]],
});

it("finds the axis along which features spread, one plane for all iterations", () => {
  // Spread 3 along (0,1,0), 1 along (1,0,0), none along (0,0,1): 9/10 and 1/10 of the variance.
  const early = sample(1, [
    [0, 3, 0],
    [0, -3, 0],
  ]);
  const late = sample(2, [
    [1, 0, 0],
    [-1, 0, 0],
  ]);
  const { dots, explained, frame } = project([early, late])!;
  expect(explained[0]).toBeCloseTo(0.9, 6);
  expect(explained[1]).toBeCloseTo(0.1, 6);
  const [a, b, prototype] = dots.get(early)!;
  expect(Math.abs(a!.x)).toBeCloseTo(3, 6);
  expect(a!.x).toBeCloseTo(-b!.x, 6);
  expect(a!.y).toBeCloseTo(0, 6);
  expect(Math.abs(dots.get(late)![0]!.y)).toBeCloseTo(1, 6);
  expect(prototype).toMatchObject({ kind: "prototype", class: 0 });
  expect(prototype!.x).toBeCloseTo(0, 6);
  expect(frame.x).toBeCloseTo(0, 6);
  expect(frame.width).toBeCloseTo(6.6, 6);
  expect(frame.height).toBeCloseTo(2.2, 6);
});

it("has nothing to show of fewer than three features", () => {
  expect(project([sample(1, [[1, 2, 3]])])).toBeNull();
});
