import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type Dataset, openDataset } from "../data/dataset.js";
import { prepareCases } from "../data/prepare.js";
import { checkDevice, resolvePrecision } from "../engine/device.js";
import { flushDenormals, libtorchFacts, setThreads } from "../engine/libtorch.js";
import { badInput } from "../errors.js";
import { part, under } from "../methods/method.js";
import type { StateDict } from "../nn/module.js";
import { loadCheckpoint, writeState } from "./checkpoint.js";
import { type Config, prepareOptions, resolveConfig } from "./config.js";
import { readConfigFile } from "./config-file.js";
import { checkMemory } from "./memory.js";
import { methodEntry } from "./method-catalog.js";
import { checkNewRun, createRun, readRun } from "./run-directory.js";
import { RunLog } from "./run-log.js";
import { type IterationReport, runStages } from "./trainer.js";

export interface TrainOptions {
  /** The data directory; not needed with `resume`. */
  readonly data?: string;
  /** A new run directory, or with `resume` the one to go on with. */
  readonly out?: string;
  readonly resume?: string;
  readonly method?: Config["method"];
  /** Use the first so many labels only. */
  readonly labeled?: number;
  readonly preset?: string;
  /** A JSON file of config keys. */
  readonly configFile?: string;
  /** "stage1.iterations=100" */
  readonly set?: readonly string[];
  readonly device?: string;
  readonly precision?: Config["precision"];
  /** Follow symbolic links that lead out of the data directory. */
  readonly allowLinks?: boolean;
  readonly signal?: AbortSignal;
  readonly onStatus?: (line: string) => void;
  readonly onIteration?: (report: IterationReport) => void;
}

interface Session {
  readonly dir: string;
  readonly config: Config;
  readonly dataset: Dataset;
}

/**
 * Trains a run to its end: all stages of its method. Leaves config.json,
 * run.json, log.jsonl, checkpoints/ and model.safetensors in the run directory, and returns that directory.
 * @throws PenumbraError "bad-input" before anything is written, "environment", or "interrupted" after saving.
 */
export async function train(options: TrainOptions): Promise<string> {
  const status = options.onStatus ?? (() => {});
  const session = options.resume ? await resumed(options.resume, options) : await started(options);
  const { dir, dataset } = session;
  const config = { ...session.config, device: checkDevice(options.device ?? session.config.device) };
  setThreads(config.threads, availableParallelism());
  flushDenormals();
  const precision = resolvePrecision(config.precision, config.device);
  checkMemory(config);
  status(
    `reading ${dataset.labeled.length} labeled and ${dataset.unlabeled.length} unlabeled cases from ${dataset.dir}`,
  );
  const prepare = prepareOptions(config);
  const labeled = await prepareCases(dataset.labeled, prepare);
  const unlabeled = await prepareCases(
    methodEntry(config.method).unlabeled ? dataset.unlabeled : [],
    prepare,
  );
  if (!options.resume) createRun(dir, { config, dataset, libtorch: libtorchFacts().version, precision });

  const checkpoints = join(dir, "checkpoints");
  const resume = options.resume ? loadCheckpoint(checkpoints, config.device, status) : null;
  status(
    resume
      ? `going on in ${resume.position.stage} after ${resume.position.iteration} iterations`
      : `training into ${dir} (${precision})`,
  );
  const log = new RunLog(dir, resume?.position.total ?? 0);
  try {
    const state = await runStages({
      config,
      precision,
      labeled,
      unlabeled,
      checkpoints,
      resume,
      ...(options.signal && { signal: options.signal }),
      onIteration: (report) => {
        log.append(report);
        options.onIteration?.(report);
      },
    });
    writeState(join(dir, "model.safetensors"), finalModel(state));
    for (const tensor of state.values()) tensor.dispose();
  } finally {
    log.close();
  }
  return dir;
}

/** What prediction needs: the network, and the stage-1 student for its trained distribution. */
const finalModel = (state: StateDict): StateDict =>
  new Map([...under("network", part(state, "network")), ...under("labeler", part(state, "labeler"))]);

async function started(options: TrainOptions): Promise<Session> {
  const data = dataOf(options);
  if (!options.out) throw badInput("--out is missing: name a directory for the run");
  checkNewRun(resolve(options.out));
  return { dir: resolve(options.out), ...(await planTraining({ ...options, data })) };
}

function dataOf({ data }: TrainOptions): string {
  if (!data) throw badInput("--data is missing: name the directory with the scans");
  return data;
}

/**
 * The configuration and the data that a new run would have; nothing is written.
 * @throws PenumbraError "bad-input" where they don't fit each other.
 */
export async function planTraining(options: TrainOptions): Promise<Omit<Session, "dir">> {
  const { labeled, allowLinks } = options;
  const dataset = await openDataset(resolve(dataOf(options)), { labeled, allowLinks });
  const config = resolveConfig({
    classes: dataset.classNames.length,
    ...(options.preset && { preset: options.preset }),
    ...(options.configFile && { file: readConfigFile(options.configFile) }),
    ...(options.set && { set: options.set }),
    ...(options.method && { method: options.method }),
    ...(options.device && { device: options.device }),
    ...(options.precision && { precision: options.precision }),
  });
  if (config.model.classes !== dataset.classNames.length) {
    throw badInput(
      `${dataset.dir} has ${dataset.classNames.length} classes (${dataset.classNames.join(", ")}) but the config's model.classes is ${config.model.classes}; ` +
        `choose another preset or add --set model.classes=${dataset.classNames.length}`,
    );
  }
  if (dataset.labeled.length === 0) {
    throw badInput(
      `${dataset.dir} has no label for any of its ${dataset.unlabeled.length} training cases; label at least one (labelsTr, and "label" in dataset.json)`,
    );
  }
  if (methodEntry(config.method).unlabeled && dataset.unlabeled.length === 0) {
    throw badInput(
      `${dataset.dir} has no unlabeled training image, which ${config.method} needs; leave labels out with --labeled N, or use --method supervised`,
    );
  }
  return { config, dataset };
}

async function resumed(dir: string, { allowLinks }: TrainOptions): Promise<Session> {
  const { config, run } = readRun(dir);
  if (run.imported)
    throw badInput(`${dir} holds weights imported from ${run.imported.file}; there is no training to resume`);
  const dataset = await openDataset(run.data, { labeled: run.labeled.length, allowLinks });
  for (const kind of ["labeled", "unlabeled"] as const) {
    const [then, now] = [run[kind].join(), dataset[kind].map(({ id }) => id).join()];
    if (then !== now)
      throw badInput(
        `${run.data}: its ${kind} cases are not those ${dir} was trained on (run.json); restore them or train again`,
      );
  }
  return { dir: resolve(dir), config, dataset };
}
