import { type Fingerprint, medianOf, quantileOf, type SurveyedCase } from "../data/fingerprint.js";
import type { Dimensions } from "../nn/layers.js";
import { mapAxes, type Triple, voxelCount } from "../volume/volume.js";
import { askedFor, type Config, type ConfigSources, type PartialConfig } from "./config.js";
import { estimateStepBytes } from "./memory.js";
import { BASE_CONFIG } from "./presets.js";

/** What a configuration without a preset is derived from, beside the data. */
export interface AutoLimits {
  readonly device: string;
  /** Memory that a training step may take. */
  readonly stepBytes: number;
  /** A patch size that was asked for; what depends on it follows. */
  readonly patchSize?: Triple;
  /** Dimensions of the network that were asked for; else 2 where every case is one slice. */
  readonly dimensions?: Dimensions;
  /** A spacing that was asked for; null: as stored. */
  readonly spacingMm?: Triple | null;
}

/** One derived key: its value and why. */
export interface AutoSetting {
  readonly key: string;
  readonly value: unknown;
  readonly reason: string;
}

/** Keys derived from a set's fingerprint, as one layer of configuration and as a list to show. */
export interface AutoSettings {
  readonly config: PartialConfig;
  readonly settings: readonly AutoSetting[];
}

/** Spacings whose extremes are this close count as one. */
const SAME_SPACING = 1.02;
/** From here on voxels are called anisotropic, as nnU-Net does. */
const ANISOTROPIC = 3;
/** Voxels of a patch: about the largest that takes seconds a step on a CPU; on a GPU nnU-Net's 128³. */
const MOST_VOXELS = { cpu: 96 ** 3, gpu: 128 ** 3 } as const;
/** The network halves a patch four times. */
const MULTIPLE = 16;
/** Patches of a stream, by the network's dimensions: slices show less than volumes do. */
const MOST_PER_STREAM = { 2: 12, 3: 4 } as const;

const trainingCases = ({ cases }: Fingerprint): SurveyedCase[] =>
  cases.filter(({ role, image }) => role !== "test" && image !== null);
const rounded = (value: number) => Number(value.toPrecision(4));

function targetSpacing(fingerprint: Fingerprint, asked: Triple | null | undefined): AutoSetting {
  const key = "data.spacingMm";
  if (asked !== undefined) return { key, value: asked, reason: "asked for" };
  const { areSlices, axis: across } = sliceAxis(fingerprint);
  if (areSlices && across !== 0)
    return { key, value: null, reason: "slices that are not axial: kept as stored" };
  const spacings = trainingCases(fingerprint).map(({ image }) => image!.spacingMm);
  const { spacingMm: range } = fingerprint;
  if (!range || spacings.some((spacing) => spacing === null))
    return { key, value: null, reason: "not every image stores its voxel size: kept as stored" };
  const ratios = range.max.map((max, axis) => max / range.min[axis]!);
  const ratio = Math.max(...ratios.slice(areSlices ? 1 : 0)); // how thick a single slice is, is no matter
  if (ratio <= SAME_SPACING)
    return { key, value: null, reason: "all images have the same voxel size: kept as stored" };
  const along = (axis: 0 | 1 | 2) => spacings.map((spacing) => spacing![axis]);
  const median = range.median;
  const coarse = median.indexOf(Math.max(...median));
  const anisotropy = Math.max(...median) / Math.min(...median);
  const value = mapAxes((axis) => {
    const isCoarse = anisotropy >= ANISOTROPIC && axis === coarse;
    return rounded(isCoarse ? quantileOf(along(axis), 0.1) : median[axis]);
  });
  const reason =
    anisotropy >= ANISOTROPIC
      ? `voxel sizes differ ${ratio.toFixed(2)}-fold: their median, along the coarse axis the 10th percentile, so that fine scans keep their slices`
      : `voxel sizes differ ${ratio.toFixed(2)}-fold between images: their median`;
  return { key, value, reason };
}

/** Whether every training image is one slice; then the axis of one voxel, or null where they differ in it. */
function sliceAxis(fingerprint: Fingerprint): { readonly areSlices: boolean; readonly axis: number | null } {
  const axes = trainingCases(fingerprint).map(({ image }) => image!.shape.indexOf(1));
  const areSlices = axes.every((axis) => axis >= 0);
  return { areSlices, axis: areSlices && axes.every((axis) => axis === axes[0]) ? axes[0]! : null };
}

/** A 2-D network for slices. Slices that are not axial keep the order of their files, in which D is the one. */
function dimensionSettings(fingerprint: Fingerprint, { dimensions, patchSize }: AutoLimits): AutoSetting[] {
  const { areSlices, axis } = sliceAxis(fingerprint);
  const asked = dimensions ?? (patchSize && (patchSize[0] === 1 ? 2 : 3));
  if ((asked ?? (areSlices ? 2 : 3)) === 3) return [];
  const why = asked ? "slices were asked for" : "every image is one slice";
  const settings: AutoSetting[] = [{ key: "model.dimensions", value: 2, reason: why }];
  if (!areSlices || axis === 0) return settings;
  return [
    ...settings,
    { key: "data.axisOrder", value: "stored", reason: "not all slices are axial: as their files hold them" },
  ];
}

/** Median shape of the training images after resampling. */
function medianShape(fingerprint: Fingerprint, spacing: Triple | null): Triple {
  const shapes = trainingCases(fingerprint).map(({ image }) =>
    mapAxes(
      (axis) =>
        image!.shape[axis] * (spacing && image!.spacingMm ? image!.spacingMm[axis] / spacing[axis] : 1),
    ),
  );
  if (sliceAxis(fingerprint).areSlices) {
    const sides = shapes.map((shape) =>
      shape.filter((_, axis) => axis !== shape.indexOf(Math.min(...shape))),
    );
    const side = (i: 0 | 1) => Math.round(medianOf(sides.map((pair) => pair[i]!)));
    return [1, side(0), side(1)];
  }
  return mapAxes((axis) => Math.round(medianOf(shapes.map((shape) => shape[axis]))));
}

const toMultiple = (n: number) => Math.max(MULTIPLE, Math.round(n / MULTIPLE) * MULTIPLE);

function stepBytes(patchSize: Triple, classes: number): number {
  const { data, model } = BASE_CONFIG;
  const config = {
    ...BASE_CONFIG,
    data: { ...data, patchSize: [...patchSize] as Config["data"]["patchSize"] },
    model: { ...model, classes },
  };
  return estimateStepBytes(config, "fp32").total;
}

function patchSize(
  shape: Triple,
  edges: Triple,
  classes: number,
  dimensions: Dimensions,
  limits: AutoLimits,
): AutoSetting {
  const most = MOST_VOXELS[limits.device === "cpu" ? "cpu" : "gpu"];
  const whole = mapAxes((axis) => (dimensions === 2 && axis === 0 ? 1 : toMultiple(shape[axis])));
  // no edge can be longer, however short the others: a spacing in metres asks for millions of voxels
  const longestEdge = most / MULTIPLE ** (dimensions - 1);
  let patch = mapAxes((axis) => Math.min(whole[axis], longestEdge));
  const fits = () => voxelCount(patch) <= most && stepBytes(patch, classes) <= limits.stepBytes;
  const isWhole = voxelCount(whole) === voxelCount(patch) && fits();
  while (!fits() && Math.max(...patch) > MULTIPLE) {
    const extents = patch.map((n, axis) => (n > MULTIPLE ? n * edges[axis]! : 0));
    const longest = extents.indexOf(Math.max(...extents));
    patch = mapAxes((axis) => (axis === longest ? patch[axis] - MULTIPLE : patch[axis]));
  }
  const median = `the median image has ${shape.join(" x ")} voxels (D, H, W)`;
  const gb = `${(limits.stepBytes / 1e9).toFixed(1)} GB`;
  const reason = isWhole
    ? `${median}: about all of it${dimensions === 2 && shape[0] > 1 ? ", a slice at a time" : ""}`
    : `${median}: cut along the longest extent in mm until a step fits into ${gb} and ${most} voxels (${limits.device})`;
  return { key: "data.patchSize", value: patch, reason };
}

function looksLikeHu(training: readonly SurveyedCase[]): boolean {
  const like = training.filter(({ image }) => {
    const [only, ...others] = image!.channels;
    return others.length === 0 && only!.intensity.min <= -900 && only!.intensity.max >= 300;
  });
  return like.length > training.length / 2;
}

function intensitySettings(fingerprint: Fingerprint): AutoSetting[] {
  const training = trainingCases(fingerprint);
  const { modality } = fingerprint;
  // CTA, "CT portal" …; one window would hold for a PET beside it, too
  const isCt = fingerprint.channels === 1 && modality !== null && /^ct/i.test(modality.trim());
  const foregrounds = training.flatMap(({ foreground }) => (foreground ? [foreground.percentiles] : []));
  if ((isCt || (modality === null && looksLikeHu(training))) && foregrounds.length > 0) {
    const low = Math.floor(medianOf(foregrounds.map(([value]) => value)));
    const high = Math.ceil(medianOf(foregrounds.map(([, , value]) => value)));
    const why = isCt ? "the images are CT" : "intensities look like CT's Hounsfield units";
    if (low < high)
      return [
        {
          key: "data.windowHu",
          value: [low, high],
          reason: `${why}: 0.5th to 99.5th percentile of labeled voxels, median over cases`,
        },
        { key: "data.normalization", value: "z-score", reason: "of each clipped volume" },
      ];
  }
  const name = modality === null ? "no CT by name or intensities" : `the images are ${modality}, no CT`;
  const shares = ({ image }: SurveyedCase) => image!.channels.map(({ positiveShare }) => positiveShare);
  const positive = medianOf(training.map((one) => Math.max(...shares(one))));
  // in images that were brought to mean 0 before, 0 is no air
  const areFrom0 = medianOf(training.map(({ image }) => image!.channels[0]!.intensity.percentiles[0])) >= 0;
  if (positive < 0.75 && areFrom0) {
    const share = `${(100 * (1 - positive)).toFixed(0)} % of the voxels are 0 or below`;
    return [
      {
        key: "data.normalization",
        value: "z-score-foreground",
        reason: `${name}, and ${share}: by the others`,
      },
      { key: "data.regionMask", value: "positive", reason: `${share}: uncertainty is modelled elsewhere` },
    ];
  }
  return [
    {
      key: "data.normalization",
      value: "z-score",
      reason: `${name}: each image by its own mean and deviation`,
    },
  ];
}

function batchSettings(
  patch: Triple,
  classes: number,
  dimensions: Dimensions,
  limits: AutoLimits,
): AutoSetting[] {
  const most = MOST_VOXELS[limits.device === "cpu" ? "cpu" : "gpu"];
  const bytes =
    stepBytes(patch, classes) / (BASE_CONFIG.data.labeledPerBatch + BASE_CONFIG.data.unlabeledPerBatch);
  const fitting = Math.min(most / voxelCount(patch), limits.stepBytes / bytes / 2);
  const value = Math.max(2, Math.min(MOST_PER_STREAM[dimensions], Math.floor(fitting)));
  const reason = value > 2 ? "patches are small" : "as the paper";
  return ["data.labeledPerBatch", "data.unlabeledPerBatch"].map((key) => ({ key, value, reason }));
}

/** "a.b" and a value -> {a: {b: value}}, all together. */
function toConfig(settings: readonly AutoSetting[]): PartialConfig {
  const config: Record<string, Record<string, unknown>> = {};
  for (const { key, value } of settings) {
    const [section, name] = key.split(".") as [string, string];
    config[section] = { ...config[section], [name]: value };
  }
  return config as PartialConfig;
}

/**
 * Settings for a set that no preset is named for, in the spirit of nnU-Net (Isensee et al. 2021): voxel size, patch,
 * stride, intensities and batch follow from the fingerprint of the training cases and from the memory there is. All else
 * stays the base configuration's. Without a readable training case there are none.
 */
export function autoSettings(fingerprint: Fingerprint, limits: AutoLimits): AutoSettings {
  if (trainingCases(fingerprint).length === 0) return { config: {}, settings: [] };
  const classes = fingerprint.classNames.length;
  const planar = dimensionSettings(fingerprint, limits);
  const dimensions = planar.length > 0 ? 2 : 3;
  const spacing = targetSpacing(fingerprint, limits.spacingMm);
  const target = spacing.value as Triple | null;
  const edges = target ?? fingerprint.spacingMm?.median ?? [1, 1, 1];
  const derived = patchSize(medianShape(fingerprint, target), edges, classes, dimensions, limits);
  const patch = limits.patchSize ?? (derived.value as Triple);
  const settings = [
    ...planar,
    spacing,
    ...(limits.patchSize ? [] : [derived]),
    {
      key: "inference.stride",
      value: mapAxes((axis) => Math.max(1, patch[axis] / 2)),
      reason: "half the patch",
    },
    ...intensitySettings(fingerprint),
    ...batchSettings(patch, classes, dimensions, limits),
  ];
  return { config: toConfig(settings), settings };
}

/** Without what the user asks for otherwise; a window in HU gives way to one in percentiles. */
export function withoutAsked({ settings }: AutoSettings, sources: ConfigSources): AutoSettings {
  const isAsked = (key: string) => askedFor(sources, key) !== undefined;
  const byPercentiles = (askedFor(sources, "data.windowPercentiles") ?? null) !== null;
  const left = settings.filter(({ key }) => !isAsked(key) && !(byPercentiles && key === "data.windowHu"));
  return { config: toConfig(left), settings: left };
}
