import type { Precision } from "#dist/engine/precision.js";
import { seedGenerators } from "#dist/engine/random.js";
import { scope } from "#dist/engine/scope.js";
import type { Method } from "#dist/methods/method.js";
import { type Config, resolveConfig } from "#dist/training/config.js";
import type { MethodName } from "#dist/training/method-catalog.js";
import { stagesOf } from "#dist/training/stages.js";
import { madeUpBatch } from "./made-up-batch.js";
import { medians, processorSecondsOf } from "./measure.js";
import { stepper } from "./stepper.js";

export interface MethodOptions {
  readonly method: MethodName;
  readonly preset: string;
  readonly precision: Precision;
  readonly repeats: number;
}

/** A stage of a method: median processor seconds of a step, and how many of the baseline's steps that is. */
export interface StageCost {
  readonly method: MethodName;
  readonly stage: string;
  readonly seconds: number;
  readonly relative: number;
}

/** A stage ready to take steps. */
interface Running {
  readonly method: Method;
  readonly step: () => void;
}

/**
 * A step of every stage of a method on one made-up batch, in turns with the baseline's. Processor time of all threads
 * rather than the clock's: their ratio holds whatever else the machine does.
 */
export function benchMethod({ method, preset, precision, repeats }: MethodOptions): StageCost[] {
  const configOf = (name: MethodName) => resolveConfig({ preset, method: name });
  return scope(() => {
    const [baseline] = runningStages(configOf("supervised"), precision);
    const stages = runningStages(configOf(method), precision);
    const bodies = Object.fromEntries(stages.map(({ stage, step }) => [stage, step]));
    const times = medians({ baseline: baseline!.step, ...bodies }, repeats, processorSecondsOf);
    const costs = stages.map(({ stage }) => {
      const seconds = times[stage as keyof typeof times];
      return { method, stage, seconds, relative: seconds / times.baseline };
    });
    for (const made of [baseline!, ...stages]) made.method.dispose();
    return costs;
  });
}

/** Stages made one from the other as in a run, each late enough for every term to have its full weight. */
function runningStages(config: Config, precision: Precision): (Running & { stage: string })[] {
  const stages: (Running & { stage: string })[] = [];
  seedGenerators(0);
  for (const stage of stagesOf(config)) {
    const { labeled, unlabeled } = stage.batch;
    const batch = madeUpBatch(labeled, unlabeled, config.data.patchSize);
    const method = stage.create(stages.at(-1)?.method.state() ?? new Map());
    stages.push({ stage: stage.name, method, ...stepper(method, batch, stage.iterations, precision) });
    stages.at(-1)!.step();
  }
  return stages;
}
