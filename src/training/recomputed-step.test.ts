import { expect, it } from "vitest";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import type { Method } from "../methods/method.js";
import { tinyBatch } from "../methods/tiny-task.testing.js";
import { Sgd } from "../nn/optimizer.js";
import { resolveConfig } from "./config.js";
import { METHOD_NAMES } from "./method-catalog.js";
import { stagesOf } from "./stages.js";
import { trainStep } from "./step.js";

const TINY = ["data.patchSize=[16,16,16]", "inference.stride=[8,8,8]", "model.filters=2", "model.rank=2"];

/** Losses and gradients' norms of a first step of each stage of a method, every stage after the one before. */
function firstSteps(method: string, recomputeLevels: number, parts: number): number[] {
  const memory = [`memory.recomputeLevels=${recomputeLevels}`];
  const config = resolveConfig({ set: [...TINY, ...memory, `method=${method}`, "densecl.queue=8"] });
  return scope(() => {
    seedGenerators(3);
    let made: Method | null = null;
    return stagesOf(config).flatMap(({ batch, create }) => {
      made = create(made ? made.state() : new Map());
      const optimizer = new Sgd(made.parameters(), { momentum: 0.9, weightDecay: 0 });
      const options = { iteration: 0, learningRate: 0.01, precision: "fp32" as const, clipNorm: null, parts };
      const patches = () => tinyBatch(2, batch.labeled, batch.unlabeled);
      const { loss, gradientNorm, skipped } = trainStep(made, optimizer, patches, options);
      expect(skipped).toBeNull();
      return [loss, gradientNorm ?? 0];
    });
  });
}

it.each(METHOD_NAMES)("%s: the same step with features found again, at any level", (method) => {
  const plain = firstSteps(method, 0, 1);
  for (const levels of [1, 5]) {
    const again = firstSteps(method, levels, 1);
    for (const [i, value] of plain.entries())
      expect(Math.abs(again[i]! - value)).toBeLessThanOrEqual(1e-3 * Math.abs(value));
  }
});

it.each(["aua", "mean-teacher", "mc-net"])("%s takes a step in two parts", (method) => {
  for (const value of firstSteps(method, 0, 2)) expect(Number.isFinite(value)).toBe(true);
});
