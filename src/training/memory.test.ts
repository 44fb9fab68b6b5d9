import { describe, expect, it } from "vitest";
import { PenumbraError } from "../errors.js";
import { type Config, resolveConfig } from "./config.js";
import { estimateStepBytes, planInWords, planMemory, planResumed } from "./memory.js";

const config = (...set: string[]): Config => resolveConfig({ set: ["inference.stride=[4,4,4]", ...set] });
const total = (...set: string[]) => estimateStepBytes(config(...set), "fp32").total;
const PATCH = "data.patchSize=[48,64,64]";

describe("estimateStepBytes", () => {
  it("grows with voxels, filters, patches, classes and samples, and shrinks with bfloat16", () => {
    const small = total(PATCH);
    for (const more of ["data.labeledPerBatch=4", "model.filters=32", "model.classes=3", "stage1.samples=12"])
      expect(total(PATCH, more), more).toBeGreaterThan(small);
    expect(total("data.patchSize=[64,64,64]")).toBeGreaterThan(small);
    expect(total(PATCH, "method=supervised")).toBeLessThan(small);
    expect(estimateStepBytes(config(PATCH), "bf16").total).toBeLessThan(small);
    const many = (classes: number) => total(PATCH, "method=supervised", `model.classes=${classes}`);
    const copy = 4 * 48 * 64 * 64 * 4; // of one class's logits, in bytes
    expect(many(60) - many(2)).toBeGreaterThanOrEqual(4 * 58 * copy);
  });
  it("covers what was measured: 2.9 GB in bfloat16 and 4.7 GB in float32 at the paper's patch", () => {
    const [coarse, fine] = (["bf16", "fp32"] as const).map((p) => estimateStepBytes(config(), p).total / 1e9);
    expect(coarse).toBeGreaterThan(2.9);
    expect(coarse).toBeLessThan(4.2);
    expect(fine).toBeGreaterThan(4.7);
    expect(fine).toBeLessThan(6.5);
  });
});

describe("planMemory", () => {
  const plan = (freeGb: number, ...set: string[]) => planMemory(config(...set), "fp32", freeGb * 1e9);
  const shape = (recomputeLevels: number, parts: number) => ({ recomputeLevels, parts });

  it("changes nothing where a step fits, then saves features, then parts the batch", () => {
    expect(plan(16)).toEqual(shape(0, 1));
    expect(plan(5.2)).toEqual(shape(5, 1));
    expect(plan(4)).toEqual(shape(0, 2));
    expect(plan(2.7)).toEqual(shape(5, 2));
  });
  it("keeps to a limit and to what was chosen", () => {
    expect(plan(16, "memory.limitGb=4.5")).toEqual(shape(5, 1));
    expect(plan(16, "memory.parts=2", "memory.recomputeLevels=1")).toEqual(shape(1, 2));
    expect(() => plan(4, "memory.parts=1")).toThrow(/needs about .* GB/);
  });
  it("refuses, with the arithmetic, what no measure makes fit", () => {
    expect(() => plan(1)).toThrow(PenumbraError);
    expect(() => plan(1)).toThrow(
      /data.patchSize \[80, 112, 112\] needs about .* GB .*networks .* MB \+ features .* GB \+ samples .* MB\), 900 MB may be used; .*--memory-limit/,
    );
  });
  it("names a patch that fits, a slice to a 2-D network, and says where none does", () => {
    const suggestion = (freeGb: number, ...set: string[]) => {
      try {
        plan(freeGb, ...set);
      } catch (error) {
        return /--set (data.patchSize=\[.*\]) --set (inference.stride=\[.*\]);/.exec(String(error))?.slice(1);
      }
      throw new Error("not refused");
    };
    const three = suggestion(1.5)!;
    expect(() => plan(1.5, ...three)).not.toThrow();
    const planar = ["model.dimensions=2", "data.patchSize=[1,2048,2048]", "inference.stride=[1,1024,1024]"];
    const two = suggestion(3, ...planar)!;
    expect(two[0]).toMatch(/^data.patchSize=\[1,/);
    expect(() => plan(3, "model.dimensions=2", ...two)).not.toThrow();
    expect(() => plan(0.1)).toThrow("no smaller patch fits either");
  });
  it("answers at once, whatever is asked for", () => {
    const start = performance.now();
    expect(() => plan(16, "data.patchSize=[1600000000,1600000000,1600000000]")).toThrow(
      "a smaller patch fits",
    );
    expect(() => plan(16, "data.labeledPerBatch=10000000000")).toThrow("--memory-limit");
    expect(performance.now() - start).toBeLessThan(5000);
  });
  it("refuses parts that do not divide, and parts no batch that needs its patches together", () => {
    expect(() => plan(16, "memory.parts=3")).toThrow("can be worked off in 1 or 2");
    expect(() => plan(3, "method=bcp")).toThrow("--memory-limit");
  });
  it("plans nothing for other devices unless a limit is set", () => {
    expect(planMemory({ ...config(), device: "cuda" }, "fp32", 1e9)).toEqual(shape(0, 1));
    expect(planMemory({ ...config("memory.limitGb=3.7"), device: "cuda" }, "fp32", 1e9)).toEqual(shape(0, 2));
  });
});

describe("planResumed", () => {
  const resumed = (freeGb: number, ...set: string[]) =>
    planResumed(config("memory.recomputeLevels=0", "memory.parts=1", ...set), "fp32", freeGb * 1e9);

  it("goes on as a run began, else finds features again, and never refuses", () => {
    expect(resumed(16)).toMatchObject({ doubt: null, config: { memory: { recomputeLevels: 0, parts: 1 } } });
    const tight = resumed(5.2);
    expect(tight.config.memory).toMatchObject({ recomputeLevels: 5, parts: 1 });
    expect(tight.doubt).toMatch(/found again instead of kept/);
    expect(resumed(1).doubt).toMatch(/free memory, or it may end/);
    expect(resumed(1, "method=bcp").config.memory.parts).toBe(1);
  });
});

describe("planInWords", () => {
  it("says what was chosen, and nothing where nothing was", () => {
    expect(planInWords(config(), "fp32", { recomputeLevels: 0, parts: 1 })).toBeNull();
    expect(planInWords(config(), "fp32", { recomputeLevels: 5, parts: 2 })).toMatch(
      /^memory: a step would take about .* GB; features are found again .*, and batches are worked off in 2 parts .*: about .* GB$/,
    );
  });
});
