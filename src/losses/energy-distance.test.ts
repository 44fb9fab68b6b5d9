import { describe, expect, it } from "vitest";
import { expectGradient, wave } from "../engine/finite-differences.testing.js";
import { fromArray } from "../engine/make-tensor.js";
import { type Distance, distances, energyDistance } from "./energy-distance.js";

const ALL = Object.keys(distances) as Distance[];
const SHAPE = [3, 2, 2, 1, 3]; // S, C, D, H, W
const C = 2;
const V = 6;
const samples = (phase: number) => fromArray(Float64Array.from(wave(3 * C * V, phase)), SHAPE);

/** Softmax over classes of one sample, [C][V]. */
const probabilities = (values: readonly number[]): number[][] => {
  const e = values.map(Math.exp);
  const total = Array.from({ length: V }, (_, v) => e[v]! + e[V + v]!);
  return [0, 1].map((c) => total.map((t, v) => e[c * V + v]! / t));
};
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const dice = (p: readonly number[], q: readonly number[]) =>
  (2 * sum(p.map((v, i) => v * q[i]!)) + 1e-5) / (sum(p.map((v) => v * v)) + sum(q.map((v) => v * v)) + 1e-5);

/** Distances of two samples, voxel by voxel. */
const pairwise: Record<Exclude<Distance, "kl-published">, (p: number[][], q: number[][]) => number> = {
  dice: (p, q) => 1 - dice(p.flat(), q.flat()),
  "class-dice": (p, q) => 1 - sum(p.map((class_, c) => dice(class_, q[c]!))) / C,
  mse: (p, q) => sum(p.flat().map((v, i) => (v - q.flat()[i]!) ** 2)) / (C * V),
  kl: (p, q) => sum(q.flat().map((v, i) => v * Math.log(v / p.flat()[i]!))) / V,
};

function byPairs(kind: keyof typeof pairwise, a: readonly number[], b: readonly number[]): number {
  const sets = [a, b].map((x) =>
    [0, 1, 2].map((s) => probabilities(x.slice(s * C * V, (s + 1) * C * V))),
  ) as [number[][][], number[][][]];
  const mean = (x: number[][][], y: number[][][]) =>
    sum(x.flatMap((p) => y.map((q) => pairwise[kind](p, q)))) / (x.length * y.length);
  return 2 * mean(sets[0], sets[1]) - mean(sets[0], sets[0]) - mean(sets[1], sets[1]);
}

describe("energyDistance", () => {
  it.each(Object.keys(pairwise) as (keyof typeof pairwise)[])("is the sum over pairs: %s", (kind) => {
    const { distance } = energyDistance(samples(0), samples(1), kind);
    expect(distance.item()).toBeCloseTo(byPairs(kind, wave(3 * C * V, 0), wave(3 * C * V, 1)), 9);
  });

  it.each(ALL)("of a set to itself is 0: %s", (kind) => {
    const { distance, diversityStudent, diversityTeacher } = energyDistance(samples(0), samples(0), kind);
    expect(Math.abs(distance.item())).toBeLessThan(1e-12);
    expect(diversityStudent.item()).toBe(diversityTeacher.item());
    expect(diversityStudent.item()).toBeGreaterThan(0);
  });

  it.each(["dice", "class-dice", "mse"] as const)("is the same both ways and not negative: %s", (kind) => {
    const [there, back] = [
      energyDistance(samples(0), samples(2), kind).distance.item(),
      energyDistance(samples(2), samples(0), kind).distance.item(),
    ];
    expect(there).toBeCloseTo(back, 12);
    expect(there).toBeGreaterThan(0);
  });

  it("is twice the distance of two certain answers that differ everywhere, by hand", () => {
    const sure = (sign: number) =>
      fromArray(
        Float64Array.from({ length: C * V }, (_, i) => (i < V ? 50 : -50) * sign),
        [1, C, 2, 1, 3],
      );
    const values = Object.fromEntries(
      (["dice", "class-dice", "mse"] as const).map((kind) => [
        kind,
        energyDistance(sure(1), sure(-1), kind).distance.item(),
      ]),
    );
    expect(values).toEqual({
      dice: expect.closeTo(2, 4),
      "class-dice": expect.closeTo(2, 4),
      mse: expect.closeTo(2, 9),
    });
  });

  it.each(ALL)("agrees with finite differences in the student, and leaves the teacher alone: %s", (kind) => {
    const teacher = samples(1);
    expectGradient((x) => energyDistance(x, teacher, kind).distance, SHAPE, wave(3 * C * V), {
      tolerance: 1e-5,
    });
    const student = samples(0).requireGrad();
    energyDistance(student, teacher.requireGrad(), kind).distance.backward();
    expect(student.grad).not.toBeNull();
    expect(teacher.grad).toBeNull();
  });

  it("takes sets of different sizes", () => {
    const { distance } = energyDistance(samples(0).slice(0, 0, 2), samples(1), "class-dice");
    expect(distance.item()).toBeGreaterThan(0);
  });
});
