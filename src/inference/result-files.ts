import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { checkCaseName } from "../data/inside.js";
import { badInput } from "../errors.js";
import { openDicomFrames } from "../volume/dicom.js";
import { type AxisOrder, toStoredOrder } from "../volume/orientation.js";
import type { StoredImage } from "../volume/stored-image.js";
import { type Grid, voxelCount } from "../volume/volume.js";
import { type IntensityType, writeLabelMap, writeVolume } from "../volume/write.js";
import { writeSegmentation } from "../volume/write-dicom-seg.js";
import type { Segmentation } from "./model.js";
import { unmarked } from "./scans.js";

const ENDINGS = { nifti: ".nii.gz", nrrd: ".nrrd", mha: ".mha", "dicom-seg": ".dcm" } as const;
/** What results are written as. */
export type ResultFormat = keyof typeof ENDINGS;

const IMAGE_ENDING = /\.(nii|hdr|img)(\.gz)?$|\.(h5|hdf5|nrrd|nhdr|mha|mhd|dcm|png|tiff?)$/i;

/** What is wanted beside the label map. */
export interface ResultOptions {
  readonly out: string;
  readonly format?: ResultFormat;
  readonly probabilities?: boolean | IntensityType;
  readonly uncertainty?: boolean;
  readonly samples?: number;
}

/** What is made of one image, and where it goes. */
export interface ResultFiles {
  readonly name: string;
  readonly imagePath: string;
  readonly format: ResultFormat;
  readonly labels: string;
  /** One for each foreground class, one for all of them as a DICOM segmentation, or none. */
  readonly probabilities: readonly string[];
  readonly probabilityType: IntensityType;
  readonly uncertainty: string | null;
  /** One for each sample of the predicted distribution, or none. */
  readonly samples: readonly string[];
}

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

/** As the scan where that can be written, else NIfTI. */
function formatFor({ path, format }: StoredImage, wanted: ResultFormat | undefined): ResultFormat {
  if (wanted !== undefined && !Object.hasOwn(ENDINGS, wanted))
    throw badInput(`format "${wanted}": expected ${Object.keys(ENDINGS).join(", ")}`);
  if (wanted === "dicom-seg" && !format.startsWith("DICOM ")) {
    throw badInput(
      `${path}: is ${format}; only a DICOM scan can have a DICOM segmentation: use --format nifti`,
    );
  }
  if (wanted) return wanted;
  return format === "NRRD" ? "nrrd" : format === "MetaImage" ? "mha" : "nifti";
}

/** Names of all that is written for a scan. Bad input: a format that can't hold it. */
export function resultFiles(
  image: StoredImage,
  options: ResultOptions,
  classNames: readonly string[],
): ResultFiles {
  const { out, probabilities, uncertainty, samples = 0 } = options;
  const format = formatFor(image, options.format);
  const name = checkCaseName(unmarked(outputName(image.path)), image.path);
  const probabilityType = typeof probabilities === "string" ? probabilities : "float32";
  if (probabilityType === "int16" && format !== "nifti")
    throw badInput(
      `--probabilities int16: only NIfTI stores a slope, and ${image.path} gives ${format}; use --format nifti`,
    );
  const ending = ENDINGS[format];
  // a segmentation has no pixels for nats, and of several only one is the result
  const besides = format === "dicom-seg" ? ENDINGS.nifti : ending;
  const probabilityNames =
    format === "dicom-seg"
      ? ["probabilities"]
      : classSlugs(classNames.slice(1)).map((slug) => `probability_${slug}`);
  return {
    name,
    imagePath: image.path,
    format,
    labels: join(out, `${name}${ending}`),
    probabilities: probabilities ? probabilityNames.map((part) => join(out, `${name}_${part}${ending}`)) : [],
    probabilityType,
    uncertainty: uncertainty ? join(out, `${name}_uncertainty${besides}`) : null,
    samples: Array.from({ length: samples }, (_, i) => join(out, `${name}_sample_${i + 1}${besides}`)),
  };
}

/** All paths of a scan's results. */
export const pathsOf = ({ labels, probabilities, uncertainty, samples }: ResultFiles): string[] => [
  labels,
  ...probabilities,
  ...(uncertainty ? [uncertainty] : []),
  ...samples,
];

/** Refuses two results of one name and results that are there already. */
export function checkOutputs(results: readonly ResultFiles[]): void {
  const sources = new Map<string, string>();
  for (const result of results) {
    for (const path of pathsOf(result)) {
      const other = sources.get(path);
      if (other)
        throw badInput(
          `${result.imagePath} and ${other} would both give ${path}; predict them into two directories`,
        );
      if (existsSync(path))
        throw badInput(`${path} is already there and is never overwritten; remove it or name another --out`);
      sources.set(path, result.imagePath);
    }
  }
}

export interface WriteContext {
  /** Of the scan as stored. */
  readonly grid: Grid;
  /** Of the segmentation's arrays. */
  readonly order: AxisOrder;
  /** Background first. */
  readonly classNames: readonly string[];
}

/** Writes a segmentation on the scan's own grid; the label map last, so that where it is, all is. */
export async function writeResult(
  files: ResultFiles,
  result: Segmentation,
  context: WriteContext,
): Promise<void> {
  const { grid, order, classNames } = context;
  const voxels = voxelCount(grid.shape);
  const labels = toStoredOrder(result.labels, grid, order);
  const probabilitiesOf = (classIndex: number) =>
    toStoredOrder(result.probabilities.subarray(classIndex * voxels, (classIndex + 1) * voxels), grid, order);
  if (files.uncertainty && result.uncertainty) {
    await writeVolume(files.uncertainty, { grid, data: toStoredOrder(result.uncertainty, grid, order) });
  }
  if (files.format !== "dicom-seg") {
    for (const [i, path] of files.probabilities.entries())
      await writeVolume(path, { grid, data: probabilitiesOf(i + 1) }, files.probabilityType);
    await writeLabelMap(files.labels, { grid, data: labels });
    return;
  }
  const source = { frames: await openDicomFrames(files.imagePath), classNames };
  const spacingMm = grid.spacingMm?.[0] ?? 1;
  for (const path of files.probabilities) {
    const probabilities = classNames.slice(1).map((_, i) => probabilitiesOf(i + 1));
    await writeSegmentation(path, { kind: "FRACTIONAL", probabilities }, source, spacingMm);
  }
  await writeSegmentation(files.labels, { kind: "BINARY", labels }, source, spacingMm);
}
