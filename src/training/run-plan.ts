import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type Dataset, openDataset, withRemarks } from "../data/dataset.js";
import { inStoredOrder } from "../data/fingerprint.js";
import { checkDevice } from "../engine/device.js";
import { badInput } from "../errors.js";
import { checkCanBeMade } from "../files/directory.js";
import type { Triple } from "../volume/volume.js";
import type { AutoSetting } from "./auto-settings.js";
import {
  askedFor,
  type Config,
  type ConfigSources,
  configDoubt,
  type PartialConfig,
  resolveConfig,
} from "./config.js";
import { readConfigFile } from "./config-file.js";
import { precisionOf } from "./engine-setup.js";
import { weightsOf } from "./initial-weights.js";
import { planMemory } from "./memory.js";
import { methodEntry } from "./method-catalog.js";
import { BASE_CONFIG } from "./presets.js";
import { checkNewRun, correctedLabels } from "./run-directory.js";
import type { RunRecord } from "./run-record.js";
import { checkSet, deriveSettings, preparationOf, surveyTraining } from "./training-data.js";

/** What a new run is made from. */
export interface NewRunOptions {
  /** The data directory. */
  readonly data?: string;
  /** A new run directory. */
  readonly out?: string;
  readonly method?: Config["method"];
  /** A finished run whose weights all networks start from, as far as it trained them. */
  readonly init?: string;
  /** Use the first so many labels only. */
  readonly labeled?: number;
  readonly preset?: string;
  /** A JSON file of config keys. */
  readonly configFile?: string;
  /** "stage1.iterations=100" */
  readonly set?: readonly string[];
  readonly device?: string;
  readonly precision?: Config["precision"];
  /** Of the engine; left out: as configured, and in a resumed run as it began. */
  readonly threads?: number;
  /** Folder that keeps prepared cases for this and other runs; left out: ~/.cache/penumbra. */
  readonly cache?: string;
  /** Threads that read and prepare cases, each with one; 0: one case after another. Left out: one for each core. */
  readonly workers?: number;
  /** Go on where the checks of the data would refuse. */
  readonly skipChecks?: boolean;
  readonly signal?: AbortSignal;
  readonly onStatus?: (line: string) => void;
  /** Follow symbolic links that lead out of the data directory. */
  readonly allowLinks?: boolean;
}

/** What is trained, on what, into where. */
export interface RunPlan {
  readonly dir: string;
  readonly config: Config;
  readonly dataset: Dataset;
  /** Median voxel size of the training images, null where they store none; left out in a resumed run, which has it on record. */
  readonly medianSpacingMm?: Triple | null;
  /** Settings that follow from the data, with their reasons; empty with a preset and in a resumed run. */
  readonly derived: readonly AutoSetting[];
}

/**
 * The plan of a new run; nothing is written yet.
 * @throws PenumbraError "bad-input" for a directory that is taken, and for data and configuration that don't go together;
 *   "environment" for a device that is not there
 */
export async function planNewRun(options: NewRunOptions): Promise<RunPlan> {
  const data = dataOf(options);
  if (!options.out) throw badInput("--out is missing: name a directory for the run");
  checkNewRun(resolve(options.out));
  checkCanBeMade(resolve(options.out));
  return { dir: resolve(options.out), ...(await planTraining({ ...options, data })) };
}

function dataOf({ data }: NewRunOptions): string {
  if (!data) throw badInput("--data is missing: name the directory with the scans");
  return data;
}

/**
 * The configuration and the data that a new run would have, after a look at the data; no run is written. Without
 * `checksMemory` a patch that is too large for this machine passes: for what was trained elsewhere.
 * @throws PenumbraError "bad-input" where they don't fit each other, "environment" for a device that is not there.
 */
export async function planTraining(
  options: NewRunOptions,
  { checksMemory = true } = {},
): Promise<Omit<RunPlan, "dir">> {
  const { labeled, allowLinks } = options;
  const dataset = await openDataset(resolve(dataOf(options)), { labeled, allowLinks });
  const sources: ConfigSources = {
    classes: dataset.classNames.length,
    inputChannels: dataset.channelNames.length,
    preset: options.preset,
    ...(options.configFile && {
      file: readConfigFile(options.configFile),
      fileName: options.configFile,
    }),
    set: [...(options.set ?? []), ...(options.threads ? [`threads=${options.threads}`] : [])],
    method: options.method,
    init: options.init,
    device: options.device,
    precision: options.precision,
  };
  return { dataset, ...(await settle(sources, dataset, { ...options, checksMemory })) };
}

/** The configuration after a look at the data, with what was derived from them. */
async function settle(
  sources: ConfigSources,
  dataset: Dataset,
  options: NewRunOptions & { checksMemory: boolean },
) {
  const preparation = preparationOf(options);
  // every wrong key is refused before the scans are read
  const first = resolveConfig({ ...sources, ...(!sources.preset && { auto: placeholders(sources) }) });
  checkTogether(first, dataset);
  checkDevice(first.device);
  if (first.init !== null) weightsOf(first.init);
  if (options.checksMemory && (sources.preset || askedFor(sources, "data.patchSize") !== undefined))
    planMemory(first, precisionOf(first));
  const fingerprint = await surveyTraining(dataset, first, preparation);
  const auto = sources.preset ? null : deriveSettings(fingerprint, first, sources);
  const settled = auto ? resolveConfig({ ...sources, auto: auto.config }) : first;
  // a resumed run may start in another directory
  const config = { ...settled, init: settled.init && resolve(settled.init) };
  const derived = auto?.settings ?? [];
  for (const { key, value, reason } of derived)
    preparation.status(`derived: ${key}=${JSON.stringify(value)} (${reason})`);
  const doubt = configDoubt(config);
  if (doubt) preparation.status(doubt);
  checkSet(fingerprint, config, { status: preparation.status, onlyWarn: options.skipChecks ?? false });
  const seen = config.data.axisOrder === "stored" ? inStoredOrder(fingerprint) : fingerprint;
  return { config, derived, medianSpacingMm: seen.spacingMm?.median ?? null };
}

/** Stands for what will be derived, and fits what is asked for: a stride of 1 fits any patch, a slice a 2-D network. */
function placeholders(sources: ConfigSources): PartialConfig {
  const patchSize = askedFor(sources, "data.patchSize");
  const asksForSlices = Array.isArray(patchSize) && patchSize[0] === 1;
  const isPlanar = askedFor(sources, "model.dimensions") === 2 || asksForSlices;
  const stride = askedFor(sources, "inference.stride");
  const [depth, height, width] = BASE_CONFIG.data.patchSize.map((extent, axis) => {
    const asked = Array.isArray(stride) ? Number(stride[axis]) : 1;
    return asked > extent ? 16 * Math.ceil(asked / 16) : extent;
  }) as [number, number, number];
  return {
    model: { dimensions: isPlanar ? 2 : 3 },
    data: { patchSize: [isPlanar ? 1 : depth, height, width] },
    inference: { stride: [1, 1, 1] },
  };
}

function checkTogether(config: Config, dataset: Dataset): void {
  if (config.model.classes !== dataset.classNames.length) {
    throw badInput(
      `${dataset.dir} has ${dataset.classNames.length} classes (${dataset.classNames.join(", ")}) but the config's model.classes is ${config.model.classes}; ` +
        `choose another preset or add --set model.classes=${dataset.classNames.length}`,
    );
  }
  const { channelNames } = dataset;
  if (config.model.inputChannels !== channelNames.length) {
    throw badInput(
      `${dataset.dir}: images have ${channelNames.length} channels (${channelNames.join(", ")}) but the config's model.inputChannels is ${config.model.inputChannels}; ` +
        "leave that key out, it follows from the data",
    );
  }
  const { labels, unlabeled } = methodEntry(config.method);
  if (labels && dataset.labeled.length === 0) {
    throw badInput(
      withRemarks(
        `${dataset.dir} has no label for any of its ${dataset.unlabeled.length} training cases; label at least one (labelsTr, and "label" in dataset.json)`,
        dataset,
      ),
    );
  }
  if (labels && unlabeled && dataset.unlabeled.length === 0) {
    throw badInput(
      withRemarks(
        `${dataset.dir} has no unlabeled training image, which ${config.method} needs; leave labels out with --labeled N, or use --method supervised`,
        dataset,
      ),
    );
  }
}

/** The data of a run that goes on. @throws PenumbraError "bad-input" when its cases are other ones now */
export async function datasetOf(dir: string, run: RunRecord, allowLinks?: boolean): Promise<Dataset> {
  if (!existsSync(run.data))
    throw badInput(
      `${run.data}: the data that ${dir} is trained on (run.json) are not there; put them back, or if they moved, make a link to them under that name`,
    );
  const dataset = await openDataset(run.data, { labeledIds: run.labeled, allowLinks });
  for (const kind of ["labeled", "unlabeled"] as const) {
    const [then, now] = [run[kind].join(), dataset[kind].map(({ id }) => id).join()];
    if (then !== now)
      throw badInput(
        `${run.data}: its ${kind} cases are not those ${dir} was trained on (run.json); restore them or train again`,
      );
  }
  checkCorrections(dir, run.corrected ?? [], correctedLabels(dataset));
  return dataset;
}

function checkCorrections(dir: string, then: readonly string[], now: readonly string[]): void {
  if (then.join() === now.join()) return;
  const named = (files: readonly string[]) => files.join(", ") || "none";
  throw badInput(
    `${dir} was trained with these corrected labels: ${named(then)}; now the data has: ${named(now)}; train again into a new directory`,
  );
}
