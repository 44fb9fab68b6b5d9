import { setTimeout as turn } from "node:timers/promises";
import { Loader, type PatchSource } from "../data/loader.js";
import type { Precision } from "../engine/precision.js";
import { OwnGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import { PenumbraError } from "../errors.js";
import { type StateDict, StateMisfit } from "../nn/module.js";
import { stepDecay } from "../nn/schedule.js";
import type { Checkpoint, Position } from "./checkpoint.js";
import type { Config } from "./config.js";
import type { IterationReport } from "./iteration.js";
import type { Observer } from "./observer.js";
import { toDevice } from "./patches.js";
import { scaledSchedule } from "./schedule.js";
import { countSkips, NO_SKIPS } from "./skips.js";
import { type Stage, stagesOf } from "./stages.js";
import { trainStep } from "./step.js";
import { TrainingState } from "./training-state.js";

export interface TrainerOptions {
  readonly config: Config;
  readonly precision: Precision;
  readonly labeled: readonly PatchSource[];
  readonly unlabeled: readonly PatchSource[];
  /** Where to go on; its tensors are freed as soon as the stage has copied them. */
  readonly resume: Checkpoint | null;
  /** Weights that every new network starts from, as far as they go. */
  readonly initial?: StateDict;
  /** Keeps a checkpoint; called every so many iterations, at the end of each stage and before an interrupt. */
  readonly save: (checkpoint: Checkpoint) => void;
  readonly onIteration: (report: IterationReport) => void;
  /** What went otherwise than planned and was put right. */
  readonly onWarning?: (line: string) => void;
  /** Looks at the method every `validation.every` iterations and at the end of each stage. */
  readonly observer?: Observer | null;
  /** Stop after the current iteration, save, and throw "interrupted". */
  readonly signal?: AbortSignal;
}

/** A stage's place in a run: iterations of the stages before it, of those after it in its own iterations' time, and of all. */
interface Leg {
  readonly stage: Stage;
  readonly before: number;
  readonly after: number;
  readonly totalIterations: number;
}

/**
 * Every stage of a run, from the start or from a checkpoint, to its end. On the CPU in float32 a run that was stopped
 * and resumed is the same run. Returns the final state of the last stage; its tensors belong to the caller.
 * @throws PenumbraError "interrupted" after saving, when `signal` says so; "bad-input" when losses stay not finite;
 *   StateMisfit for a checkpoint of another configuration.
 */
export async function runStages(given: TrainerOptions): Promise<StateDict> {
  const options = { ...given, config: scaledSchedule(given.config) };
  const { config, resume } = options;
  const stages = stagesOf(config, options.initial).filter((stage) => stage.iterations > 0);
  const totalIterations = stages.reduce((sum, { iterations }) => sum + iterations, 0);
  if (resume) checkPosition(resume.position, stages, config);
  let before = 0;
  let previous: StateDict = new Map();
  for (const [index, stage] of stages.entries()) {
    const from = resume?.position.stage === stage.name ? resume : null;
    const passed = resume !== null && !from && resume.position.total >= before + stage.iterations;
    if (!passed) {
      const state = OwnGenerators.seeded(config.seed * 1000 + index, config.device).draw(() =>
        from
          ? TrainingState.restored(stage, from.state, config)
          : new TrainingState(stage.create(previous), config),
      );
      for (const tensor of (from?.state ?? previous).values()) tensor.dispose(); // the stage has copies
      const after = timeOf(stages.slice(index + 1)) / (stage.pace ?? 1);
      previous = await runStage({ stage, before, after, totalIterations }, state, from, options);
    }
    before += stage.iterations;
  }
  return previous;
}

/** @throws StateMisfit for a checkpoint of no place in these stages, which another configuration made */
function checkPosition(
  { stage, iteration, total }: Position,
  stages: readonly Stage[],
  { method }: Config,
): void {
  const index = stages.findIndex(({ name }) => name === stage);
  const before = stages.slice(0, Math.max(0, index)).reduce((sum, { iterations }) => sum + iterations, 0);
  if (index >= 0 && iteration <= stages[index]!.iterations && total === before + iteration) return;
  const plan = stages.map(({ name, iterations }) => `${iterations} of ${name}`).join(", ");
  throw new StateMisfit(
    `the newest is after ${iteration} iterations of ${stage}, ${total} in all, and ${method} has ${plan}`,
  );
}

/** About, in iterations of a main stage. */
const timeOf = (stages: readonly Stage[]): number =>
  stages.reduce((sum, { iterations, pace = 1 }) => sum + iterations * pace, 0);

/** THE loop: a stage's iterations, from its start or from a checkpoint of it. Disposes of `state` at the end. */
async function runStage(
  { stage, before, after, totalIterations }: Leg,
  state: TrainingState,
  from: Checkpoint | null,
  options: TrainerOptions,
): Promise<StateDict> {
  const { config, precision, signal } = options;
  const { optimizer } = config;
  const loader = loaderOf(stage, options);
  let skips = from?.skips ?? NO_SKIPS;
  try {
    for (let i = from?.position.iteration ?? 0; i < stage.iterations; i++) {
      const start = performance.now();
      const waitedBefore = loader.waitedMs;
      const batch = await loader.next(before + i);
      const learningRate = stepDecay(optimizer.learningRate, i, stage.decayEvery, optimizer.decayFactor);
      const { clipNorm } = optimizer;
      const parts = config.memory.parts ?? 1;
      const step = { iteration: i, learningRate, precision, clipNorm, parts };
      const figures = state.generators.draw(() =>
        trainStep(state.method, state.optimizer, () => toDevice(batch, config.device), step),
      );
      const position = { stage: stage.name, iteration: i + 1, total: before + i + 1 };
      const report = {
        ...figures,
        ...position,
        iterations: stage.iterations,
        totalIterations,
        ahead: stage.iterations - position.iteration + after,
        learningRate,
        seconds: (performance.now() - start) / 1000,
        waitedSeconds: (loader.waitedMs - waitedBefore) / 1000,
        caseIds: batch.caseIds,
      };
      options.onIteration(report);
      skips = countSkips(skips, report, optimizer.skipLimit);
      const stageEnds = position.iteration === stage.iterations;
      const { every } = config.validation;
      if (every > 0 && (position.iteration % every === 0 || stageEnds)) {
        const doubt = options.observer?.look(state.method, position);
        if (doubt && stageEnds) options.onWarning?.(doubt);
      }
      await turn(0); // lets signals and the loader's messages in
      const stopping = signal?.aborted ?? false;
      if (stopping || stageEnds || position.iteration % config.checkpoint.every === 0)
        scope(() => options.save({ position, stageEnds, skips, state: state.capture() }));
      if (stopping)
        throw new PenumbraError("interrupted", `stopped after iteration ${i + 1} of ${stage.name}`);
    }
    return state.result();
  } finally {
    await loader.close();
    state.dispose();
  }
}

function loaderOf(stage: Stage, { config, labeled, unlabeled, onWarning }: TrainerOptions): Loader {
  return new Loader({
    ...config.data,
    channels: config.model.inputChannels,
    neighbours: config.model.neighbours,
    labeled,
    unlabeled,
    labeledPerBatch: stage.batch.labeled,
    unlabeledPerBatch: stage.batch.unlabeled,
    augment: config.data,
    seed: config.seed,
    onWarning,
  });
}
