import { describe, expect, it } from "vitest";
import { resolveConfig } from "./config.js";
import { CONFIG_KEYS } from "./config-schema.js";
import { scaledSchedule } from "./schedule.js";
import { stagesOf } from "./stages.js";

describe("schedule.scale", () => {
  it("multiplies every count of iterations and nothing else", () => {
    const config = resolveConfig({ preset: "la-half", set: ["schedule.scale=0.2"] });
    const scaled = scaledSchedule(config);
    expect(scaled).toEqual({
      ...config,
      schedule: { scale: 1 },
      optimizer: { ...config.optimizer, decayEvery: 160 },
      stage1: {
        ...config.stage1,
        iterations: 240,
        consistency: { ...config.stage1.consistency, rampUp: 240 },
      },
      prototypes: { iterations: 20 },
      stage2: { ...config.stage2, iterations: 200 },
      supervised: { iterations: 440, decayEvery: 293 },
      meanTeacher: { ...config.meanTeacher, rampUp: 440 },
      bcp: { ...config.bcp, pretraining: 52 },
      mcNet: { ...config.mcNet, rampUp: 440 },
      densecl: { ...config.densecl, iterations: 200 },
      checkpoint: { every: 20, keep: 2 },
    });
  });

  it("knows every key that counts iterations, but those that only look", () => {
    const counting = CONFIG_KEYS.filter(({ meaning }) => /\biterations\b/.test(meaning));
    const unscaled = counting.filter(({ scales }) => !scales).map(({ key }) => key);
    expect(unscaled).toEqual(["schedule.scale", "validation.every", "log.every"]);
  });

  it("is applied once, never below one iteration, and is the whole run's", () => {
    const config = resolveConfig({ set: ["schedule.scale=0.0001"] });
    const scaled = scaledSchedule(config);
    expect(scaled.prototypes.iterations).toBe(1);
    expect(scaledSchedule(scaled)).toEqual(scaled);
    const twice = resolveConfig({ preset: "hippocampus", set: ["schedule.scale=2"] });
    expect(stagesOf(twice).map(({ iterations, decayEvery }) => [iterations, decayEvery])).toEqual([
      [1200, 800],
      [200, 800],
      [1200, 800],
    ]);
  });
});
