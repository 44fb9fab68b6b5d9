import { describe, expect, it } from "vitest";
import { resolvePrecision } from "../engine/device.js";
import { resolveConfig } from "./config.js";
import { differenceOf, setUpEngine } from "./engine-setup.js";
import type { RunRecord } from "./run-record.js";

const config = resolveConfig({ set: ["threads=1"] });

describe("the engine", () => {
  it("decides what a new run leaves open", () => {
    const engine = setUpEngine(config, null);
    expect(engine).toMatchObject({ precision: resolvePrecision("auto", "cpu"), threads: 1, device: "cpu" });
  });

  it("of a run that goes on is as it was when the run began, whatever this machine would take", () => {
    for (const precision of ["fp32", "bf16"] as const) {
      const began = { ...setUpEngine(config, null), precision, threads: 2 } as unknown as RunRecord;
      expect(setUpEngine(config, began)).toMatchObject({ precision, threads: 2 });
    }
    setUpEngine(config, null);
  });
});

describe("a difference", () => {
  const here = setUpEngine(config, null);
  const began = here as unknown as RunRecord;
  it("is none on the same machine, nor against a record that lacks a value", () => {
    expect(differenceOf(here, began, "cpu")).toBeNull();
    expect(differenceOf(here, { ...began, threads: undefined, processor: undefined }, "cpu")).toBeNull();
  });

  it("is said with both values", () => {
    expect(differenceOf(here, { ...began, libtorch: "0.9" }, "cuda")).toBe(
      `this run began with device cuda, now cpu; libtorch 0.9, now ${here.libtorch}: it goes on, but not to the same bits`,
    );
  });
});
