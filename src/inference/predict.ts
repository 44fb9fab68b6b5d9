import type { CaseFiles } from "../data/dataset.js";
import { isUnchanged } from "../data/placement.js";
import { prepareCase } from "../data/prepare.js";
import { sayCrowded } from "../engine/busy-cores.js";
import type { Precision } from "../engine/precision.js";
import { badInput, PenumbraError, shortList } from "../errors.js";
import { checkCanBeMade, makeDirectory } from "../files/directory.js";
import { WriteError } from "../files/write-failure.js";
import { prepareOptions } from "../training/config.js";
import { toStoredOrder } from "../volume/orientation.js";
import { openChannels } from "../volume/read-channels.js";
import { type Grid, voxelCount } from "../volume/volume.js";
import { type IntensityType, writeLabelMap } from "../volume/write.js";
import { spacingDoubt } from "./data-fit.js";
import { type EngineOptions, type Model, type OpenedModel, segment, withModel } from "./model.js";
import { onSource } from "./own-grid.js";
import {
  checkOutputs,
  pathsOf,
  type ResultFiles,
  type ResultFormat,
  resultFiles,
  writeResult,
} from "./result-files.js";
import { checkSamples, drawSamples } from "./samples.js";
import { scansOf } from "./scans.js";
import { WorkProgress } from "./work-progress.js";

export interface PredictOptions extends EngineOptions {
  /** Run directory of a finished training. */
  readonly run: string;
  /**
   * Scans of any format that is read; a folder is a DICOM series. Of a run with several channels, a file for each, one
   * scan after another in the order of the channels, or 4-D files.
   */
  readonly images: readonly string[];
  /** Directory for the results; made when it is not there. */
  readonly out: string;
  /** What results are written as; left out: as the scan where that is NIfTI, NRRD or MetaImage, else NIfTI. */
  readonly format?: ResultFormat;
  /** Write each foreground class's probabilities too, as float32 or as int16 with a slope. */
  readonly probabilities?: boolean | IntensityType;
  /** Write the voxels' entropy (nats) too. */
  readonly uncertainty?: boolean;
  /** Write so many samples of the predicted distribution too, as label maps; an even number. */
  readonly samples?: number;
  /** Stops before the next scan. */
  readonly signal?: AbortSignal;
  /** Told of each path as soon as its scan's results are whole. */
  readonly onWritten?: (path: string) => void;
  readonly onStatus?: (line: string) => void;
}

/**
 * Segments scans with a trained run. Writes into `out`, on each scan's own grid: `<name>.nii.gz` (label map, uint8),
 * if asked for `<name>_probability_<class>.nii.gz` for each foreground class, `<name>_uncertainty.nii.gz` (float32,
 * entropy in nats) and `<name>_sample_<n>.nii.gz` (label maps, n from 1); .nrrd or .mha by `format`. As DICOM: `<name>.dcm` (binary segmentation) and
 * `<name>_probabilities.dcm` (fractional, all classes). Returns the paths written, in the order of the images.
 * @throws PenumbraError "bad-input" before computing: no finished run, an image that can't be read or has other channels
 *   than the run, two results of one name, a result that is there already, a format that can't hold it; "bad-input" after
 *   the other scans where one can't be segmented (voxels that are not finite, say); "environment" for a device this machine
 *   lacks; "interrupted" by `signal`.
 */
export async function predict(options: PredictOptions): Promise<string[]> {
  if (options.images.length === 0) throw badInput("no image to segment: name at least one");
  return withModel(options.run, options, (opened) => predictAll(opened, options));
}

async function predictAll(opened: OpenedModel, options: PredictOptions): Promise<string[]> {
  const { model, run, precision, threads } = opened;
  const status = options.onStatus ?? (() => {});
  if (options.samples !== undefined) checkSamples(model, options.samples);
  const jobs = await jobsOf(options, model);
  checkOutputs(jobs.map(({ files }) => files));
  checkCanBeMade(options.out);
  makeDirectory(options.out);
  const doubt = spacingDoubt(new Map(jobs.map(({ source, grid }) => [source.id, grid])), model, run);
  if (doubt) status(doubt);
  sayCrowded(threads, model.config.device, status);

  const work = jobs.reduce((sum, { voxels }) => sum + voxels, 0) * (options.samples ? 2 : 1);
  const session = { model, precision, options, progress: new WorkProgress(work, status) };
  const failed: { job: PredictJob; why: string }[] = [];
  for (const [i, job] of jobs.entries()) {
    if (options.signal?.aborted)
      throw new PenumbraError(
        "interrupted",
        `stopped before ${job.files.name} (${i + 1} of ${jobs.length} scans); what is in ${options.out} is whole`,
      );
    try {
      await predictScan(job, `${job.files.name} (${i + 1}/${jobs.length})`, session);
      for (const path of pathsOf(job.files)) options.onWritten?.(path);
    } catch (error) {
      if (!isOfTheScan(error) || jobs.length === 1) throw error;
      failed.push({ job, why: error.message });
      status(`left out: ${error.message}`);
    }
  }
  if (failed.length > 0) {
    const names = shortList(failed.map(({ job }) => job.files.name));
    throw badInput(
      `${failed.length} of ${jobs.length} scans could not be segmented (${names}), the first: ${failed[0]!.why}; the others are in ${options.out}: repair these and segment them alone`,
    );
  }
  return jobs.flatMap(({ files }) => pathsOf(files));
}

const isOfTheScan = (error: unknown): error is PenumbraError =>
  error instanceof PenumbraError && error.code === "bad-input" && !(error instanceof WriteError);

interface Session {
  readonly model: Model;
  readonly precision: Precision;
  readonly progress: WorkProgress;
  readonly options: PredictOptions;
}

/** Samples first: the label map is the last that is written, so that where it is, all is. */
async function predictScan(
  { files, voxels, source }: PredictJob,
  name: string,
  { model, precision, progress, options }: Session,
): Promise<void> {
  const scan = await prepareCase(source, prepareOptions(model.config));
  const { storedGrid, placement } = scan;
  const { axisOrder: order } = model.config.data;
  const samples = files.samples.length;
  if (samples > 0) {
    const onSampleWindow = progress.next(`${name}, samples`, voxels);
    await drawSamples(model, scan, { precision, samples, onWindow: onSampleWindow }, (labels, index) => {
      const probabilities =
        placement && !isUnchanged(placement) ? oneHot(labels, model.classNames.length) : new Float32Array(0);
      const sample = { labels, probabilities, uncertainty: null };
      const data = toStoredOrder(onSource(sample, placement, false).labels, storedGrid, order);
      return writeLabelMap(files.samples[index]!, { grid: storedGrid, data });
    });
  }
  const onWindow = progress.next(name, voxels);
  const uncertainty = options.uncertainty ?? false;
  const found = segment(model, scan, { precision, uncertainty, onWindow });
  const result = onSource(found, placement, files.probabilities.length > 0);
  await writeResult(files, result, { grid: storedGrid, order, classNames: model.classNames });
}

/** A scan to segment: its voxels, what is read of it and what is written. */
interface PredictJob {
  readonly grid: Grid;
  readonly voxels: number;
  readonly source: CaseFiles;
  readonly files: ResultFiles;
}

/** Looks at every scan's headers. Bad input: an image that can't be read, other channels than the run's. */
async function jobsOf(options: PredictOptions, { config, classNames }: Model): Promise<PredictJob[]> {
  const channels = config.model.inputChannels;
  const jobs: PredictJob[] = [];
  for (const paths of await scansOf(options.images, channels)) {
    const { first, grid } = await openChannels(paths, channels);
    const files = resultFiles(first, options, classNames);
    const [imagePath, ...otherChannels] = paths as [string, ...string[]];
    const source = { id: files.name, imagePath, otherChannels, labelPath: null };
    jobs.push({ grid, voxels: voxelCount(grid.shape), files, source });
  }
  return jobs;
}

/** Labels [D,H,W] -> 1 for each voxel's own class and 0 for the others, [C,D,H,W]. */
function oneHot(labels: Uint8Array, classes: number): Float32Array {
  const channels = new Float32Array(classes * labels.length);
  for (let i = 0; i < labels.length; i++) channels[labels[i]! * labels.length + i] = 1;
  return channels;
}
