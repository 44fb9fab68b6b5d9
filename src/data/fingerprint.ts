import { mapAxes, type Triple } from "../volume/volume.js";
import { defaultCacheDir } from "./cache-directory.js";
import { type CaseFacts, findFacts } from "./case-facts.js";
import type { SurveyJob } from "./case-job.js";
import { doCaseJobs } from "./case-pool.js";
import type { CaseFiles, Dataset } from "./dataset.js";
import { type PrepareSetOptions, threadsFor } from "./prepare-set.js";

/** What a case is used for. */
export type Role = "labeled" | "unlabeled" | "test";

/** A case of a set with what was found in its files. */
export interface SurveyedCase extends CaseFacts {
  readonly role: Role;
  readonly files: CaseFiles;
}

/** Smallest, median and largest of something along [D, H, W]. */
export interface AxisRange {
  readonly min: Triple;
  readonly median: Triple;
  readonly max: Triple;
}

/** What a set of cases looks like, before any preparation. */
export interface Fingerprint {
  readonly dir: string;
  readonly layout: Dataset["layout"];
  readonly classNames: readonly string[];
  /** What the data set says its images are, such as "CT"; null where it does not. */
  readonly modality: string | null;
  /** Channels of each image. */
  readonly channels: number;
  readonly cases: readonly SurveyedCase[];
  /** Where the set's lists and files don't agree, a line each. */
  readonly remarks: readonly string[];
  /** Over the training cases; null where none can be read. */
  readonly shape: AxisRange | null;
  /** Null where no case stores voxel sizes. */
  readonly spacingMm: AxisRange | null;
}

/** Middle of sorted numbers; the lower one of two. */
export const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]!;

/** A quantile (0 to 1) of numbers: the one at the nearest rank. */
export const quantileOf = (values: readonly number[], quantile: number): number =>
  [...values].sort((a, b) => a - b)[Math.round(quantile * (values.length - 1))]!;

function rangeOf(triples: readonly Triple[]): AxisRange | null {
  if (triples.length === 0) return null;
  const along = (axis: 0 | 1 | 2) => triples.map((triple) => triple[axis]);
  return {
    min: mapAxes((axis) => Math.min(...along(axis))),
    median: mapAxes((axis) => medianOf(along(axis))),
    max: mapAxes((axis) => Math.max(...along(axis))),
  };
}

/**
 * Reads every case of a set once (side by side, remembered in the cache) and gathers what it holds. Cases that can't be
 * read are part of the result.
 * @throws PenumbraError "interrupted" by `signal`; "bad-input" for a cache that can't be written.
 */
export async function fingerprintOf(
  dataset: Dataset,
  { cache = defaultCacheDir(), workers, ...pool }: PrepareSetOptions = {},
): Promise<Fingerprint> {
  const channels = dataset.channelNames.length;
  const roles: readonly Role[] = ["labeled", "unlabeled", "test"];
  const listed = roles.flatMap((role) => dataset[role].map((files) => ({ role, files })));
  const found: (CaseFacts | null)[] = [];
  for (const { files } of listed) found.push(await findFacts(files, channels, cache));
  const missing = listed.filter((_, i) => found[i] === null).map(({ files }) => files);
  const jobs = missing.map((files): SurveyJob => ({ kind: "survey", files, channels, cache }));
  const surveyed = await doCaseJobs(jobs, {
    ...pool,
    workers: await threadsFor(missing, workers, { channels }),
  });
  let next = 0;
  const cases = listed.map((one, i) => ({ ...one, ...(found[i] ?? surveyed[next++]!) }));
  return {
    dir: dataset.dir,
    layout: dataset.layout,
    classNames: dataset.classNames,
    modality: dataset.modality,
    channels,
    cases,
    remarks: dataset.remarks,
    ...rangesOf(cases),
  };
}

/** Of the training cases. */
function rangesOf(cases: readonly SurveyedCase[]): Pick<Fingerprint, "shape" | "spacingMm"> {
  const training = cases.flatMap(({ role, image }) => (role === "test" || !image ? [] : [image]));
  return {
    shape: rangeOf(training.map(({ shape }) => shape)),
    spacingMm: rangeOf(training.flatMap(({ spacingMm }) => (spacingMm ? [spacingMm] : []))),
  };
}

/** The same set for a network that sees axes as files store them. */
export function inStoredOrder(fingerprint: Fingerprint): Fingerprint {
  const cases = fingerprint.cases.map((one) => ({
    ...one,
    image: one.image && { ...one.image, ...one.image.stored },
  }));
  return { ...fingerprint, cases, ...rangesOf(cases) };
}
