import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { writeSafetensors } from "../../src/training/safetensors.js";
import { energyTolerance, goldenNames, ofNoKind, ownGolden } from "./golden.js";

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

it("an energy distance below zero, and one of nothing, have a tolerance", () => {
  expect(energyTolerance(-0.28, [2.8, 1])).toBeCloseTo(1e-4, 12);
  expect(energyTolerance(0, [0, 0])).toBe(Number.POSITIVE_INFINITY);
  // two overlaps of about 1 are not known better than to 1e-7
  expect(energyTolerance(1e-7, [4e-7, 0])).toBeCloseTo(1, 12);
});
