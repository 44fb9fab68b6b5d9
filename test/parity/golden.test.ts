import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { writeSafetensors } from "../../src/training/safetensors.js";
import {
  energyTolerance,
  Golden,
  goldenNames,
  movedByRounding,
  ofNoKind,
  ownGolden,
  rampIteration,
  stepError,
  unlikelyLabels,
} from "./golden.js";
import { sizesOf } from "./golden-network.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-golden-"));
afterAll(() => rmSync(dir, { recursive: true }));

it("there are reference numbers, each of a kind that a test here compares", () => {
  const names = goldenNames();
  expect(names.length).toBeGreaterThan(0);
  expect(ofNoKind(names)).toEqual([]);
  const odd = ["loss.seed1.safetensors", "networks.seed1.safetensors"];
  expect(ofNoKind(["losses.seed1.safetensors", ...odd, "network_none.seed1.safetensors"])).toEqual(odd);
});

it("the project's own copy stays what it is where GOLDEN_DIR has other numbers of that name", async () => {
  const name = "network_none.seed1.safetensors";
  writeSafetensors(join(dir, name), new Map(), { normalization: "another" });
  vi.stubEnv("GOLDEN_DIR", dir);
  vi.resetModules();
  const there = await import("./golden.js");
  vi.unstubAllEnvs();
  expect(there.goldenNames()).toEqual([name]);
  expect(there.ownGolden(name).metadata).toEqual(ownGolden(name).metadata);
});

it("a network's sizes are those of its state, whatever else a file says", () => {
  const file = join(dir, "sizes.safetensors");
  const weight = (...shape: number[]) => {
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
    return { dtype: "F32", shape, data } as const;
  };
  const state = new Map([
    ["state.block_one.conv.0.weight", weight(5, 1, 3, 3, 3)],
    ["state.mean_l.weight", weight(3, 5, 1, 1, 1)],
    ["state.cov_factor_l.weight", weight(12, 5, 1, 1, 1)],
  ]);
  writeSafetensors(file, state);
  expect(sizesOf(new Golden(file), "state")).toEqual({ classes: 3, filters: 5, rank: 4, inChannels: 1 });
});

it("a step is held to the change that it makes, not to the size of the parameters", () => {
  const before = Float32Array.of(1, -2, 3);
  const expected = before.map((p) => p - 1e-3);
  const half = before.map((p) => p - 0.5e-3);
  expect(stepError(half, expected, before)).toBeCloseTo(0.5, 2);
  expect(stepError(before, expected, before)).toBeCloseTo(1, 2);
  expect(stepError(expected.map(Math.fround), expected, before)).toBe(0);
  // what has no gradient does not move at all: no weight decay either
  expect(stepError(before, before, before)).toBe(0);
  expect(stepError(expected, before, before)).toBe(Number.POSITIVE_INFINITY);
});

it("a label is a tie only with the best of all classes", () => {
  // one voxel a column: the two worst classes tie, the two best, none
  const scores = Float32Array.of(0.1, 0.1, 0.2, /**/ 0.1, 0.45, 0.3, /**/ 0.8, 0.45, 0.5);
  expect(unlikelyLabels(scores, Uint8Array.of(2, 1, 2), 1e-5)).toEqual([]);
  expect(unlikelyLabels(scores, Uint8Array.of(0, 2, 1), 1e-5)).toEqual([0, 2]);
  expect(unlikelyLabels(scores, Uint8Array.of(3, 2, 255), 1e-5)).toEqual([0, 2]);
});

it("an energy distance below zero, and one of nothing, have a tolerance", () => {
  expect(energyTolerance(-0.28, [2.8, 1])).toBeCloseTo(1e-4, 12);
  expect(energyTolerance(0, [0, 0])).toBe(Number.POSITIVE_INFINITY);
  // two overlaps of about 1 are not known better than to 1e-7
  expect(energyTolerance(1e-7, [4e-7, 0])).toBeCloseTo(1, 12);
});

it("gradients may be as far off as rounding moves our own, up to 1 %", () => {
  expect(movedByRounding([[1, 2]])).toBe(0);
  expect(
    movedByRounding([
      [1, 2],
      [1, 2.01],
      [1.002, 2],
    ]),
  ).toBeCloseTo(0.005, 12);
  expect(
    movedByRounding([
      [1, 2],
      [5, 2],
    ]),
  ).toBe(0.01);
});

it("a ramp in the published blocks of 150 iterations is met as well as one that rises with each", () => {
  const weightAt = (iteration: number) => iteration / 6000;
  expect(rampIteration(1601, 1500 / 6000, weightAt)).toBe(1500);
  expect(rampIteration(1601, 1601 / 6000, weightAt)).toBe(1601);
  expect(rampIteration(1601, 0.9, weightAt)).toBe(1601);
});
