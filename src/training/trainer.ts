import { setTimeout as turn } from "node:timers/promises";
import { type Batch, Loader, type PatchSource } from "../data/loader.js";
import type { Precision } from "../engine/precision.js";
import { generatorState, restoreGeneratorState, seedGenerators } from "../engine/random.js";
import { keep, scope } from "../engine/scope.js";
import { fromArray } from "../engine/tensor.js";
import { PenumbraError } from "../errors.js";
import { type Method, type PatchBatch, part, restoreMethod, under } from "../methods/method.js";
import type { StateDict } from "../nn/module.js";
import { Sgd } from "../nn/optimizer.js";
import { stepDecay } from "../nn/schedule.js";
import { type Checkpoint, type Position, saveCheckpoint } from "./checkpoint.js";
import type { Config } from "./config.js";
import { DivergedError } from "./diverged.js";
import { scaledSchedule } from "./schedule.js";
import { type Stage, stagesOf } from "./stages.js";
import { type StepFigures, trainStep } from "./step.js";

/** One iteration as the log and the progress display see it. */
export interface IterationReport extends StepFigures {
  readonly stage: string;
  /** Iterations of this stage done, and all of them. */
  readonly iteration: number;
  readonly iterations: number;
  /** The same over all stages. */
  readonly total: number;
  readonly totalIterations: number;
  readonly learningRate: number;
  readonly seconds: number;
  /** Time of `seconds` in which the trainer waited for data. */
  readonly waitedSeconds: number;
  readonly caseIds: readonly string[];
}

export interface TrainerOptions {
  readonly config: Config;
  readonly precision: Precision;
  readonly labeled: readonly PatchSource[];
  readonly unlabeled: readonly PatchSource[];
  /** Where checkpoints go. */
  readonly checkpoints: string;
  readonly resume: Checkpoint | null;
  readonly onIteration: (report: IterationReport) => void;
  /** Stop after the current iteration, save, and throw "interrupted". */
  readonly signal?: AbortSignal;
}

/** Steps in a row whose loss is not finite before a run is given up. */
const NOT_FINITE_LIMIT = 20;

/**
 * THE loop: every stage of a run, from the start or from a checkpoint, to its end. On the CPU in float32 a run that was
 * stopped and resumed is the same run. Returns the final state of the last stage; its tensors belong to the caller.
 * @throws PenumbraError "interrupted" after saving, when `signal` says so; "bad-input" when the loss stays not finite.
 */
export async function runStages(given: TrainerOptions): Promise<StateDict> {
  const options = { ...given, config: scaledSchedule(given.config) };
  const stages = stagesOf(options.config).filter((stage) => stage.iterations > 0);
  const resume = options.resume;
  let done = 0;
  let previous: StateDict = new Map();
  for (const [index, stage] of stages.entries()) {
    const resumedHere = resume?.position.stage === stage.name;
    const passed = resume !== null && !resumedHere && resume.position.total >= done + stage.iterations;
    if (!passed) {
      seedGenerators(options.config.seed * 1000 + index);
      const from = resumedHere ? resume : null;
      const method = from ? createAgain(stage, from) : stage.create(previous);
      const final = await runStage(stage, method, done, stages, options, from);
      for (const tensor of previous.values()) tensor.dispose();
      previous = final;
    }
    done += stage.iterations;
  }
  return previous;
}

/** A method as it was in a checkpoint of its own stage. */
function createAgain(stage: Stage, { state }: Checkpoint): Method {
  const saved = part(state, "method");
  const method = stage.create(saved);
  restoreMethod(method, saved);
  return method;
}

async function runStage(
  stage: Stage,
  method: Method,
  before: number,
  stages: readonly Stage[],
  options: TrainerOptions,
  resume: Checkpoint | null,
): Promise<StateDict> {
  const { config } = options;
  const optimizer = new Sgd(method.parameters(), config.optimizer);
  if (resume) {
    optimizer.loadState(part(resume.state, "optimizer"));
    for (const [device, generator] of part(resume.state, "generator"))
      restoreGeneratorState(device, generator);
  }
  const loader = new Loader({
    ...config.data,
    ...loaderCases(stage, options),
    augment: config.data,
    seed: config.seed,
  });
  const totalIterations = stages.reduce((sum, { iterations }) => sum + iterations, 0);
  const position = (iteration: number): Position => ({
    stage: stage.name,
    iteration,
    total: before + iteration,
  });
  const save = (iteration: number) =>
    saveCheckpoint(
      options.checkpoints,
      { position: position(iteration), state: wholeState(method, optimizer, config.device) },
      config.checkpoint.keep,
    );
  try {
    const guard = new FiniteGuard(stage.name);
    for (let i = resume?.position.iteration ?? 0; i < stage.iterations; i++) {
      const start = performance.now();
      const waitedBefore = loader.waitedMs;
      const batch = await loader.next(before + i);
      const learningRate = stepDecay(
        config.optimizer.learningRate,
        i,
        stage.decayEvery,
        config.optimizer.decayFactor,
      );
      const step = { iteration: i, learningRate, precision: options.precision };
      const figures = trainStep(method, optimizer, () => toDevice(batch, config.device), step);
      guard.check(figures, i, batch.caseIds);
      const iteration = i + 1;
      options.onIteration({
        ...figures,
        ...position(iteration),
        iterations: stage.iterations,
        totalIterations,
        learningRate,
        seconds: (performance.now() - start) / 1000,
        waitedSeconds: (loader.waitedMs - waitedBefore) / 1000,
        caseIds: batch.caseIds,
      });
      await turn(0); // lets signals and the loader's messages in
      const stopping = options.signal?.aborted ?? false;
      if (stopping || iteration === stage.iterations || iteration % config.checkpoint.every === 0)
        save(iteration);
      if (stopping)
        throw new PenumbraError("interrupted", `stopped after iteration ${iteration} of ${stage.name}`);
    }
    return scope(
      () => new Map([...method.state()].map(([name, tensor]) => [name, keep(tensor.detach().clone())])),
    );
  } finally {
    await loader.close();
    optimizer.dispose();
    method.dispose();
  }
}

function loaderCases(stage: Stage, { labeled, unlabeled }: TrainerOptions) {
  return {
    labeled,
    unlabeled,
    labeledPerBatch: stage.batch.labeled,
    unlabeledPerBatch: stage.batch.unlabeled,
  };
}

/** What a checkpoint holds: "method.…", "optimizer.…" and the state of each "generator.…". */
const wholeState = (method: Method, optimizer: Sgd, device: string): StateDict =>
  new Map([
    ...under("method", method.state()),
    ...under("optimizer", optimizer.stateDict()),
    ...under("generator", new Map(["cpu", device].map((name) => [name, generatorState(name)]))),
  ]);

/** A batch of the loader as tensors on the device. */
export function toDevice(batch: Batch, device: string): PatchBatch {
  const [d, h, w] = batch.patchSize;
  const voxels = d * h * w;
  const count = batch.images.length / voxels;
  const { labeled } = batch;
  return {
    images: fromArray(batch.images, [count, 1, d, h, w], device),
    region: fromArray(batch.region, [count, 1, d, h, w], device).to("float32"),
    labeled,
    labels: fromArray(batch.labels, [labeled, d, h, w], device).to("int64"),
    hostLabels: Array.from({ length: labeled }, (_, i) =>
      batch.labels.subarray(i * voxels, (i + 1) * voxels),
    ),
  };
}

/** Counts steps in a row that had to be skipped, and gives up with names in hand. */
class FiniteGuard {
  #skipped = 0;
  constructor(readonly stage: string) {}
  check({ terms, loss }: StepFigures, iteration: number, caseIds: readonly string[]): void {
    if (Number.isFinite(loss)) {
      this.#skipped = 0;
      return;
    }
    this.#skipped++;
    if (this.#skipped < NOT_FINITE_LIMIT) return;
    const term = Object.entries(terms).find(([, value]) => !Number.isFinite(value))?.[0] ?? "sum";
    throw new DivergedError(
      `${this.stage}, iteration ${iteration}: the loss (${term}) was not finite in ${NOT_FINITE_LIMIT} steps in a row, ` +
        `last with cases ${caseIds.join(", ")}; lower optimizer.learningRate or check these images`,
    );
  }
}
