import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { checkCaseName } from "../data/inside.js";
import { prepareCase } from "../data/prepare.js";
import { badInput } from "../errors.js";
import { prepareOptions } from "../training/config.js";
import { makeDirectory } from "../training/run-directory.js";
import { readGrid } from "../volume/read.js";
import { h5HasLabel } from "../volume/read-h5.js";
import { type Grid, voxelCount } from "../volume/volume.js";
import { writeLabelMap, writeVolume } from "../volume/write.js";
import { type EngineOptions, openModel, type Segmentation, segment } from "./model.js";
import { WorkProgress } from "./work-progress.js";

export interface PredictOptions extends EngineOptions {
  /** Run directory of a finished training. */
  readonly run: string;
  /** NIfTI files, or the literature's left-atrium h5. */
  readonly images: readonly string[];
  /** Directory for the results; made when it is not there. */
  readonly out: string;
  /** Write each foreground class's probabilities too. */
  readonly probabilities?: boolean;
  /** Write the voxels' entropy (nats) too. */
  readonly uncertainty?: boolean;
  readonly onStatus?: (line: string) => void;
}

/** What is made of one image, and where it goes. */
interface Job {
  readonly name: string;
  readonly imagePath: string;
  readonly labels: string;
  /** One for each foreground class, or none. */
  readonly probabilities: readonly string[];
  readonly uncertainty: string | null;
}

const IMAGE_ENDING = /\.(nii|hdr|img)(\.gz)?$|\.(h5|hdf5)$/i;
const isH5 = (path: string) => /\.(h5|hdf5)$/i.test(path);

/** "scans/a.nii.gz" -> "a"; in the h5 layout, where every file is mri_norm2.h5, the folder's name. */
export function outputName(path: string): string {
  const full = resolve(path);
  if (basename(full) === "mri_norm2.h5") return basename(dirname(full));
  return basename(full).replace(IMAGE_ENDING, "");
}

/** Class names as parts of file names: "left atrium" -> "left-atrium"; names that fall together get their number. */
export function classSlugs(names: readonly string[]): string[] {
  const slugs = names.map((name) => name.replace(/[^\p{L}\p{N}_.-]+/gu, "-"));
  return slugs.map((slug, i) =>
    slugs.indexOf(slug) === slugs.lastIndexOf(slug) ? slug : `${slug}-${i + 1}`,
  );
}

const outputsOf = ({ labels, probabilities, uncertainty }: Job): string[] => [
  labels,
  ...probabilities,
  ...(uncertainty ? [uncertainty] : []),
];

function planJobs({ images, out, probabilities, uncertainty }: PredictOptions, classes: readonly string[]) {
  return images.map((imagePath): Job => {
    if (!IMAGE_ENDING.test(imagePath))
      throw badInput(`${imagePath}: not a scan by its name; expected .nii, .nii.gz, .hdr, .img or .h5`);
    const name = checkCaseName(outputName(imagePath), imagePath);
    return {
      name,
      imagePath,
      labels: join(out, `${name}.nii.gz`),
      probabilities: probabilities
        ? classSlugs(classes.slice(1)).map((slug) => join(out, `${name}_probability_${slug}.nii.gz`))
        : [],
      uncertainty: uncertainty ? join(out, `${name}_uncertainty.nii.gz`) : null,
    };
  });
}

/** Refuses two results of one name and results that are there already. */
function checkOutputs(jobs: readonly Job[]): void {
  const sources = new Map<string, string>();
  for (const job of jobs) {
    for (const path of outputsOf(job)) {
      const other = sources.get(path);
      if (other)
        throw badInput(
          `${job.imagePath} and ${other} would both give ${path}; predict them into two directories`,
        );
      if (existsSync(path))
        throw badInput(`${path} is already there and is never overwritten; remove it or name another --out`);
      sources.set(path, job.imagePath);
    }
  }
}

/** Voxels of an image from its header; 1 for h5, of which only the form is checked. */
async function sizeOf(path: string): Promise<number> {
  if (!isH5(path)) return voxelCount((await readGrid(path)).shape);
  await h5HasLabel(path);
  return 1;
}

/**
 * Segments scans with a trained run. Writes into `out`, on each scan's own grid: `<name>.nii.gz` (label map, uint8),
 * if asked for `<name>_probability_<class>.nii.gz` (float32) for each foreground class, and
 * `<name>_uncertainty.nii.gz` (float32, entropy in nats). Returns the paths written, in the order of the images.
 * @throws PenumbraError "bad-input" before computing: no finished run, an image that can't be read, two results of
 *   one name, a result that is there already; "environment" for a device this machine lacks.
 */
export async function predict(options: PredictOptions): Promise<string[]> {
  const status = options.onStatus ?? (() => {});
  if (options.images.length === 0) throw badInput("no image to segment: name at least one");
  const { model, precision } = openModel(options.run, options);
  const jobs = planJobs(options, model.classNames);
  checkOutputs(jobs);
  const sizes: number[] = [];
  for (const { imagePath } of jobs) sizes.push(await sizeOf(imagePath));
  makeDirectory(options.out);

  const progress = new WorkProgress(
    sizes.reduce((sum, size) => sum + size, 0),
    status,
  );
  for (const [i, job] of jobs.entries()) {
    const files = { id: job.name, imagePath: job.imagePath, labelPath: null };
    const { image, grid } = await prepareCase(files, prepareOptions(model.config));
    const onWindow = progress.next(`${job.name} (${i + 1}/${jobs.length})`, sizes[i]!);
    const uncertainty = options.uncertainty ?? false;
    const result = segment(model, image, grid.shape, { precision, uncertainty, onWindow });
    await writeResult(job, result, grid);
  }
  return jobs.flatMap(outputsOf);
}

async function writeResult(job: Job, result: Segmentation, grid: Grid): Promise<void> {
  const voxels = voxelCount(grid.shape);
  for (const [i, path] of job.probabilities.entries()) {
    const data = result.probabilities.subarray((i + 1) * voxels, (i + 2) * voxels);
    await writeVolume(path, { grid, data });
  }
  if (job.uncertainty && result.uncertainty) {
    await writeVolume(job.uncertainty, { grid, data: result.uncertainty });
  }
  await writeLabelMap(job.labels, { grid, data: result.labels });
}
