import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { PatchSource } from "../data/loader.js";
import { sayCrowded } from "../engine/busy-cores.js";
import type { Precision } from "../engine/precision.js";
import { badInput, PenumbraError } from "../errors.js";
import { makeDirectory } from "../files/directory.js";
import type { FileLock } from "../files/file-lock.js";
import { writeJson } from "../files/whole-file.js";
import { encoderOf } from "../methods/densecl.js";
import { part, under } from "../methods/method.js";
import type { StateDict } from "../nn/module.js";
import { contentsOf, firstChanged } from "./case-contents.js";
import { type Checkpoint, loadCheckpoint, removeOldCheckpoints, writeState } from "./checkpoint.js";
import type { Config } from "./config.js";
import { differenceOf, type EngineSetup, setUpEngine } from "./engine-setup.js";
import { initialSum, readInitialWeights, startFrom } from "./initial-weights.js";
import type { IterationReport } from "./iteration.js";
import { planInWords, planMemory, planResumed } from "./memory.js";
import { methodEntry } from "./method-catalog.js";
import type { MakeObserver, Observer } from "./observer.js";
import { checkpointsOf, copyProgress, createRun, lockRun, misfitOf, readRun } from "./run-directory.js";
import { datasetOf, type NewRunOptions, planNewRun, type RunPlan } from "./run-plan.js";
import type { RunRecord } from "./run-record.js";
import { RunRecorder } from "./run-recorder.js";
import { newNetwork, stagesOf } from "./stages.js";
import { runStages } from "./trainer.js";
import { casesFor, preparationOf, prepareTraining } from "./training-data.js";

export interface TrainOptions extends NewRunOptions {
  /** A run directory to go on with, in place of `data` and `out`. */
  readonly resume?: string;
  /** A finished run of the method's first stages (same seed, settings and data): a new run takes them from it. */
  readonly beginWith?: string;
  readonly onIteration?: (report: IterationReport) => void;
  /** Looks at the run while it trains, for example `watchFixedCases`. */
  readonly observer?: MakeObserver;
}

/** A run that is about to be computed: its directory is this process's own. */
interface Session extends RunPlan {
  readonly engine: EngineSetup;
  readonly cases: Cases;
  readonly lock: FileLock;
  readonly initial: StateDict;
  readonly resume: Checkpoint | null;
}

type Cases = Record<"labeled" | "unlabeled", readonly PatchSource[]>;

/**
 * Trains a run to its end: all stages of its method. Leaves config.json,
 * run.json, log.jsonl, checkpoints/ and model.safetensors in the run directory, and returns that directory.
 * @throws PenumbraError "bad-input" before anything is written, "environment" (also for a run directory in use, a full
 *   disk, a directory that goes away), or "interrupted" after saving.
 */
export const train = (options: TrainOptions): Promise<string> =>
  options.resume === undefined ? begin(options) : goOn(options.resume, options);

async function begin(options: TrainOptions): Promise<string> {
  const planned = await planNewRun(options);
  const engine = setUpEngine(planned.config, null);
  const plan = { ...planned, config: fitted(planned.config, engine.precision, options) };
  const initial = initialWeights(plan.config);
  sayCrowded(engine.threads, engine.device, options.onStatus ?? (() => {}));
  const cases = await readCases(plan, options);
  const contents = await trainedContents(plan, options);
  const made = { ...plan, contents, initial: initialSum(plan.config) };
  const lock = createRun(plan.dir, made, engine);
  try {
    if (plan.derived.length > 0) writeJson(join(plan.dir, "derived.json"), plan.derived);
    const status = options.onStatus ?? (() => {});
    status(`training into ${plan.dir} (${engine.precision})`);
    const resume = options.beginWith ? takenFrom(options.beginWith, plan, engine, status) : null;
    return await runToEnd({ ...plan, engine, initial, cases, lock, resume }, options);
  } finally {
    lock.release();
  }
}

/** The configuration with a choice of how steps fit into memory, kept with the run so that it goes on in the same way. */
function fitted(config: Config, precision: Precision, { onStatus }: TrainOptions): Config {
  const shape = planMemory(config, precision);
  const words = planInWords(config, precision, shape);
  if (words) onStatus?.(words);
  return { ...config, memory: { ...config.memory, ...shape } };
}

/** The end of a run that is this one's beginning, as this one's newest checkpoint. */
function takenFrom(
  run: string,
  { dir, config }: RunPlan,
  engine: EngineSetup,
  status: (line: string) => void,
): Checkpoint | null {
  const { config: earlier, run: record } = readRun(run);
  const { parts } = earlier.memory;
  if (parts !== config.memory.parts) {
    status(
      `${run} worked off batches in ${parts ?? 1} parts, here it is ${config.memory.parts ?? 1}: all stages are trained`,
    );
    return null;
  }
  copyProgress(run, dir);
  const taken = loadCheckpoint(checkpointsOf(dir), config.device, status);
  if (!taken) return null;
  status(`${taken.position.stage}, ${taken.position.total} iterations in all, is taken from ${run}`);
  const difference = differenceOf(engine, record, earlier.device);
  if (difference) status(`${run}: ${difference}`);
  return taken;
}

async function goOn(dir: string, options: TrainOptions): Promise<string> {
  const status = options.onStatus ?? (() => {});
  const { config: stored, run } = readRun(dir);
  if (run.imported) {
    throw badInput(`${dir} holds weights imported from ${run.imported.file}; there is no training to resume`);
  }
  const lock = lockRun(dir, status);
  try {
    const here = { ...stored, device: options.device ?? stored.device };
    const engine = setUpEngine(here, run, options.threads);
    const { config, doubt } = planResumed(here, engine.precision);
    if (doubt) status(doubt);
    const plan = {
      dir: resolve(dir),
      config,
      dataset: await datasetOf(dir, run, options.allowLinks),
      derived: [],
    };
    const difference = differenceOf(engine, run, stored.device);
    if (difference) status(difference);
    const resume = loadCheckpoint(checkpointsOf(dir), config.device, status);
    if (!resume && existsSync(join(dir, "model.safetensors")))
      throw badInput(
        `${dir} is finished and its checkpoints are gone, so there is nothing to go on with; its model is as it was`,
      );
    makeDirectory(checkpointsOf(dir));
    const inLastStage = resume?.position.stage === stagesOf(config).at(-1)!.name;
    const initial = inLastStage ? new Map() : initialWeights(config); // no new network comes any more
    if (!inLastStage && run.initial !== undefined && run.initial !== initialSum(config))
      throw badInput(
        `${config.init}: its weights are not those that ${dir} began with; restore them, or train again into a new directory`,
      );
    sayCrowded(engine.threads, engine.device, status);
    const cases = await readCases(plan, options);
    await checkContents(run, plan, options);
    // the process before may have been killed between saving this one and that
    if (resume) removeOldCheckpoints(checkpointsOf(dir), resume.position.total, config.checkpoint.keep);
    status(
      resume
        ? `going on in ${resume.position.stage} after ${resume.position.iteration} iterations`
        : `no checkpoint yet: training from the start (${engine.precision})`,
    );
    const session = { ...plan, engine, initial, cases, lock, resume };
    return await runToEnd(session, options);
  } catch (error) {
    throw misfitOf(checkpointsOf(dir), dir, error);
  } finally {
    lock.release();
  }
}

/** Of the cases that the run trains on. */
function trainedContents({ config, dataset }: Pick<RunPlan, "config" | "dataset">, options: TrainOptions) {
  const { labeled, unlabeled } = casesFor(config, dataset);
  return contentsOf([...labeled, ...unlabeled], preparationOf(options).cache);
}

/** @throws PenumbraError "bad-input" where a case that the run trains on is not what it was, unless checks are skipped */
async function checkContents(run: RunRecord, { config, dataset, dir }: RunPlan, options: TrainOptions) {
  const changed = firstChanged(run.contents, await trainedContents({ config, dataset }, options));
  if (changed === null) return;
  const what = `${dataset.dir}: the files of case ${changed} have changed since ${dir} began`;
  if (!options.skipChecks)
    throw badInput(`${what}; restore them, go on all the same with --skip-checks, or train again`);
  options.onStatus?.(`${what}: it goes on, but not to the same bits`);
}

async function readCases(
  { dataset, config }: Pick<RunPlan, "dataset" | "config">,
  options: TrainOptions,
): Promise<Cases> {
  const used = casesFor(config, dataset);
  const { labeled, unlabeled } = used;
  options.onStatus?.(
    `reading ${labeled.length} labeled and ${unlabeled.length} unlabeled cases from ${dataset.dir}`,
  );
  const cases = await prepareTraining(config, used, preparationOf(options));
  if (options.signal?.aborted) throw new PenumbraError("interrupted", "stopped before the first iteration");
  return cases;
}

/** Those that the configuration names, none if it names none. @throws PenumbraError "bad-input" when they don't fit its network */
export function initialWeights(config: Config): StateDict {
  if (config.init === null) return new Map();
  const weights = readInitialWeights(config.init, config.device);
  startFrom(newNetwork(config), weights).dispose();
  return weights;
}

async function runToEnd(session: Session, options: TrainOptions): Promise<string> {
  const { signal, onStatus, onIteration } = options;
  const { dir, config, engine, initial, cases, lock, resume } = session;
  const status = onStatus ?? (() => {});
  const looking = await observerOf(session, options);
  const recorder = new RunRecorder({ dir, config, lock, from: resume?.position ?? null, onStatus: status });
  const observer: Observer | null = looking && {
    look: (method, position) => recorder.guard(() => looking.look(method, position)),
  };
  try {
    const state = await runStages({
      config,
      precision: engine.precision,
      ...cases,
      initial,
      resume,
      observer,
      signal,
      onWarning: status,
      onIteration: (report) => {
        recorder.iteration(report);
        onIteration?.(report);
      },
      save: (checkpoint) => recorder.save(checkpoint),
    });
    recorder.guard(() => writeState(join(dir, "model.safetensors"), finalModel(state, config)));
    for (const tensor of [...state.values(), ...initial.values()]) tensor.dispose();
  } finally {
    recorder.close();
  }
  return dir;
}

async function observerOf(session: Session, { observer }: TrainOptions): Promise<Observer | null> {
  const { dir, config, dataset, engine, resume } = session;
  if (!observer || config.validation.every === 0) return null;
  return observer({ dir, config, dataset, precision: engine.precision, done: resume?.position.total ?? 0 });
}

/** What others need: the network (of a pretraining its encoder), and the stage-1 student for its trained distribution. */
function finalModel(state: StateDict, { method }: Config): StateDict {
  const network = part(state, "network");
  return new Map([
    ...under("network", methodEntry(method).segments ? network : encoderOf(network)),
    ...under("labeler", part(state, "labeler")),
  ]);
}
