import { expect, it } from "vitest";
import { resolveConfig } from "../training/config.js";
import { effortOf } from "../training/effort.js";
import { BASELINE, DEMO_SET } from "./demo.js";
import { demoNotes } from "./demo-notes.js";

const config = (method: string) => resolveConfig({ preset: "phantom", method, seed: 0 });
const mean = (dice: number) => ({ dice, jaccard: dice, hd95: 1, asd: 1 });

it("counts optimizer steps and labeled patches, without the prototypes' passes", () => {
  const set = [
    "stage1.iterations=10",
    "stage2.iterations=5",
    "prototypes.iterations=99",
    "supervised.iterations=7",
  ];
  expect(effortOf(resolveConfig({ preset: "phantom", method: "aua", set }))).toEqual({
    steps: 15,
    labeledPatches: 30,
  });
  expect(effortOf(resolveConfig({ preset: "phantom", method: "supervised", set }))).toEqual({
    steps: 7,
    labeledPatches: 28,
  });
});

it("gives the baseline at least as many steps and labeled patches as AUA", () => {
  const baseline = effortOf(resolveConfig({ preset: "phantom", method: "supervised", set: BASELINE }));
  const aua = effortOf(config("aua"));
  expect(baseline.steps).toBeGreaterThanOrEqual(aua.steps);
  expect(baseline.labeledPatches).toBeGreaterThanOrEqual(aua.labeledPatches);
});

it("says gain and loss as they are, and other seeds as recorded", () => {
  const recorded = [0, 1].map((seed) => ({
    seed,
    supervised: 0.7,
    aua: 0.8,
    date: "2026-01-02",
    command: `demo ${seed}`,
  }));
  const outcome = {
    configs: { supervised: config("supervised"), aua: config("aua") },
    counts: DEMO_SET,
    recorded,
  };
  const won = demoNotes({ ...outcome, means: { supervised: mean(0.75), aua: mean(0.8125) } }).join("\n");
  expect(won).toContain("6.25 points above");
  expect(won).toContain('recorded on 2026-01-02 with "demo 1", not run now');
  expect(won).toContain("seed 1 gave Dice 70.00 % for the labels alone and 80.00 % for AUA");
  expect(won).not.toContain("seed 0 gave");
  const lost = demoNotes({ ...outcome, means: { supervised: mean(0.8), aua: mean(0.75) } }).join("\n");
  expect(lost).toContain("5.00 points below");
});
