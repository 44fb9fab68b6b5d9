import { resolve } from "node:path";
import { defaultCacheDir } from "../data/cache-directory.js";
import type { StoredCase } from "../data/case-file.js";
import type { Dataset } from "../data/dataset.js";
import { type Fingerprint, fingerprintOf, inStoredOrder } from "../data/fingerprint.js";
import { allCores, prepareSet } from "../data/prepare-set.js";
import { suspicionsOf } from "../data/suspicions.js";
import { badInput } from "../errors.js";
import { totalMemory } from "../machine-memory.js";
import { shellWord } from "../shell-word.js";
import { type AutoSettings, autoSettings, withoutAsked } from "./auto-settings.js";
import { askedFor, type Config, type ConfigSources, prepareOptions } from "./config.js";
import { methodEntry } from "./method-catalog.js";
import { formatDuration } from "./progress.js";
import type { NewRunOptions } from "./run-plan.js";

/** Where prepared cases are kept, and how preparation is told of and stopped. */
export interface PreparationOptions {
  readonly cache: string;
  /** Left out: none where the configuration has none for batches, else one for each core. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  readonly status: (line: string) => void;
}

const LINE_EVERY_MS = 2000;

/** Says how far a long pass over cases is, every few seconds, with the time left. */
export function caseProgress(what: string, status: (line: string) => void) {
  const start = performance.now();
  let said = start;
  return (done: number, total: number): void => {
    const now = performance.now();
    if (now - said < LINE_EVERY_MS) return;
    said = now;
    const left = (((now - start) / done) * (total - done)) / 1000;
    status(`${what} ${done}/${total} cases, about ${formatDuration(Math.ceil(left))} left`);
  };
}

/** The training cases that the method uses, and as what: without labels, all are unlabeled. */
export function casesFor({ method }: Config, { labeled, unlabeled }: Dataset) {
  const entry = methodEntry(method);
  if (entry.labels) return { labeled, unlabeled: entry.unlabeled ? unlabeled : [] };
  const bare = labeled.map((files) => ({ ...files, labelPath: null }));
  return { labeled: [], unlabeled: [...bare, ...unlabeled] };
}

/** Where a run's preparation keeps its files, and whom it tells. */
export const preparationOf = ({
  cache,
  workers,
  onStatus,
  signal,
}: Pick<NewRunOptions, "cache" | "workers" | "onStatus" | "signal">): PreparationOptions => ({
  cache: resolve(cache ?? defaultCacheDir()),
  workers,
  status: onStatus ?? (() => {}),
  signal,
});

/** The cases that a method uses, in the cache's files. */
export async function prepareTraining(
  config: Config,
  { labeled, unlabeled }: ReturnType<typeof casesFor>,
  { cache, workers, signal, status }: PreparationOptions,
): Promise<{ labeled: StoredCase[]; unlabeled: StoredCase[] }> {
  const prepared = await prepareSet([...labeled, ...unlabeled], prepareOptions(config), {
    cache,
    workers: workers ?? allCores(config.data.workers),
    signal,
    onProgress: caseProgress("prepared", status),
  });
  return { labeled: prepared.slice(0, labeled.length), unlabeled: prepared.slice(labeled.length) };
}

/**
 * Says what is odd about a set; refuses what would make training on it wrong or fail.
 * @throws PenumbraError "bad-input" with the first such line, unless `onlyWarn`.
 */
export function checkSet(
  fingerprint: Fingerprint,
  { data }: Config,
  { status, onlyWarn }: { status: (line: string) => void; onlyWarn: boolean },
): void {
  const suspicions = suspicionsOf(fingerprint, {
    scaledPerCase: data.normalization !== "none" && data.windowHu === null,
    resampled: data.spacingMm !== null,
  });
  const refused = suspicions.filter(({ severity }) => severity === "refuse");
  if (refused.length > 0 && !onlyWarn) {
    const more = refused.length - 1;
    const others =
      more > 0 ? `; ${more} more: penumbra fingerprint --data ${shellWord(fingerprint.dir)}` : "";
    throw badInput(`${refused[0]!.message}${others}`);
  }
  for (const { message } of suspicions) status(`check: ${message}`);
}

/** The fingerprint of a training's data, test cases included. */
export const surveyTraining = (
  dataset: Dataset,
  config: Config,
  { cache, workers, signal, status }: PreparationOptions,
): Promise<Fingerprint> =>
  fingerprintOf(dataset, {
    cache,
    workers: workers ?? allCores(config.data.workers),
    signal,
    onProgress: caseProgress("looked at", status),
  });

/** Share of the machine's memory that a derived patch may need for a step; the same patch whatever else runs. */
const MEMORY_SHARE = 0.5;
/** What is counted on where the memory of a device is not known. */
const GPU_STEP_BYTES = 10e9;

/** What follows from the data where no preset is named, and from what was asked for, which is kept. */
export function deriveSettings(
  fingerprint: Fingerprint,
  config: Config,
  sources: ConfigSources,
): AutoSettings {
  const { device, data, model } = config;
  const isAsked = (key: string) => askedFor(sources, key) !== undefined;
  const asSeen = data.axisOrder === "stored" ? inStoredOrder(fingerprint) : fingerprint;
  const auto = autoSettings(asSeen, {
    device,
    stepBytes: device === "cpu" ? totalMemory() * MEMORY_SHARE : GPU_STEP_BYTES,
    ...(isAsked("data.patchSize") && { patchSize: data.patchSize }),
    ...(isAsked("model.dimensions") && { dimensions: model.dimensions }),
    ...(isAsked("data.spacingMm") && { spacingMm: data.spacingMm }),
  });
  return withoutAsked(auto, sources);
}
