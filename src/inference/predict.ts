import { prepareCase } from "../data/prepare.js";
import { badInput } from "../errors.js";
import { makeDirectory } from "../files/directory.js";
import { prepareOptions } from "../training/config.js";
import { openVolume } from "../volume/read.js";
import type { IntensityType } from "../volume/write.js";
import { type EngineOptions, openModel, segment } from "./model.js";
import { checkOutputs, pathsOf, type ResultFormat, resultFiles, writeResult } from "./result-files.js";
import { WorkProgress } from "./work-progress.js";

export interface PredictOptions extends EngineOptions {
  /** Run directory of a finished training. */
  readonly run: string;
  /** Scans of any format that is read; a folder is a DICOM series. */
  readonly images: readonly string[];
  /** Directory for the results; made when it is not there. */
  readonly out: string;
  /** What results are written as; left out: as the scan where that is NIfTI, NRRD or MetaImage, else NIfTI. */
  readonly format?: ResultFormat;
  /** Write each foreground class's probabilities too, as float32 or as int16 with a slope. */
  readonly probabilities?: boolean | IntensityType;
  /** Write the voxels' entropy (nats) too. */
  readonly uncertainty?: boolean;
  readonly onStatus?: (line: string) => void;
}

/**
 * Segments scans with a trained run. Writes into `out`, on each scan's own grid: `<name>.nii.gz` (label map, uint8),
 * if asked for `<name>_probability_<class>.nii.gz` for each foreground class, and `<name>_uncertainty.nii.gz` (float32,
 * entropy in nats); .nrrd or .mha by `format`. As DICOM: `<name>.dcm` (binary segmentation) and
 * `<name>_probabilities.dcm` (fractional, all classes). Returns the paths written, in the order of the images.
 * @throws PenumbraError "bad-input" before computing: no finished run, an image that can't be read, two results of
 *   one name, a result that is there already, a format that can't hold it; "environment" for a device this machine
 *   lacks.
 */
export async function predict(options: PredictOptions): Promise<string[]> {
  const status = options.onStatus ?? (() => {});
  if (options.images.length === 0) throw badInput("no image to segment: name at least one");
  const { model, precision } = openModel(options.run, options);
  const jobs = [];
  for (const path of options.images) {
    const image = await openVolume(path);
    const voxels = image.extents.reduce((product, n) => product * n, 1);
    jobs.push({ voxels, files: resultFiles(image, options, model.classNames) });
  }
  checkOutputs(jobs.map(({ files }) => files));
  makeDirectory(options.out);

  const progress = new WorkProgress(
    jobs.reduce((sum, { voxels }) => sum + voxels, 0),
    status,
  );
  for (const [i, { files, voxels }] of jobs.entries()) {
    const source = { id: files.name, imagePath: files.imagePath, labelPath: null };
    const { image, grid, storedGrid } = await prepareCase(source, prepareOptions(model.config));
    const onWindow = progress.next(`${files.name} (${i + 1}/${jobs.length})`, voxels);
    const uncertainty = options.uncertainty ?? false;
    const result = segment(model, image, grid.shape, { precision, uncertainty, onWindow });
    const { axisOrder: order } = model.config.data;
    await writeResult(files, result, { grid: storedGrid, order, classNames: model.classNames });
  }
  return jobs.flatMap(({ files }) => pathsOf(files));
}
