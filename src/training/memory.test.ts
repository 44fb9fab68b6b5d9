import { expect, it } from "vitest";
import { PenumbraError } from "../errors.js";
import { type Config, resolveConfig } from "./config.js";
import { checkMemory, estimateStepBytes } from "./memory.js";

const config = (...set: string[]): Config => resolveConfig({ set: ["inference.stride=[4,4,4]", ...set] });

it("grows with voxels, filters, patches and samples", () => {
  const small = estimateStepBytes(config("data.patchSize=[16,16,16]"));
  expect(estimateStepBytes(config("data.patchSize=[16,16,32]"))).toBe(2 * small);
  expect(estimateStepBytes(config("data.patchSize=[16,16,16]", "data.labeledPerBatch=6"))).toBe(2 * small);
  for (const more of ["model.filters=32", "model.classes=3", "stage1.samples=12"]) {
    expect(estimateStepBytes(config("data.patchSize=[16,16,16]", more)), more).toBeGreaterThan(small);
  }
  expect(estimateStepBytes(config("data.patchSize=[16,16,16]", "method=supervised"))).toBeLessThan(small);
});

it("takes a patch that fits and refuses one that no machine holds, before anything is allocated", () => {
  expect(() => checkMemory(config("data.patchSize=[16,16,16]"))).not.toThrow();
  const huge = config("data.patchSize=[4096,4096,4096]");
  expect(() => checkMemory(huge)).toThrow(PenumbraError);
  expect(() => checkMemory(huge)).toThrow(/data.patchSize \[4096, 4096, 4096\] needs about .* GB/);
  expect(() => checkMemory({ ...huge, device: "cuda" })).not.toThrow(); // its memory is not the machine's
});
