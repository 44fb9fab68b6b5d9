import type { Precision } from "../engine/precision.js";
import { badInput, type PenumbraError } from "../errors.js";
import { freeMemory } from "../machine-memory.js";
import { mapAxes, type Triple, voxelCount } from "../volume/volume.js";
import type { Config } from "./config.js";
import { methodEntry } from "./method-catalog.js";

/** Bytes for each voxel and filter of a patch at a step's fullest moment, measured: features and their gradients. */
const FEATURE_BYTES = {
  kept: { bf16: 36, fp32: 60 },
  recomputed: { bf16: 28, fp32: 43 },
} as const;
/** The same of MC-Net's three decoders, which share one encoder, over one decoder's. */
const THREE_DECODERS = 2.3;
/** Float32 copies of the sampled logits alive at once: draws, samples and gradients. */
const COPIES_OF_SAMPLES = 4;
/** Float32 copies of a class's logits and probabilities alive at once; those of two classes are counted with the features. */
const COPIES_OF_CLASSES = 5;
/** Float32 copies of the parameters: student, teacher or labeler, gradients, velocities, and room for what is kept beside. */
const COPIES_OF_PARAMETERS = 6;
/** Parameters of the network for the square of its filters, which its widest layers grow with. */
const PARAMETERS_PER_SQUARED_FILTERS = 37_000;

/** How a step is done: see the configuration's keys of the same names. */
export interface StepShape {
  readonly recomputeLevels: number;
  readonly parts: number;
}

/** A rough upper estimate of what a training step holds, in bytes. */
export interface StepBytes {
  readonly networks: number;
  readonly features: number;
  readonly samples: number;
  readonly total: number;
}

export function estimateStepBytes(
  config: Config,
  precision: Precision,
  { recomputeLevels, parts }: StepShape = { recomputeLevels: 0, parts: 1 },
): StepBytes {
  const { patchSize, labeledPerBatch, unlabeledPerBatch } = config.data;
  const { filters, classes } = config.model;
  const patches = (labeledPerBatch + unlabeledPerBatch) / parts;
  const voxels = patches * voxelCount(patchSize);
  const decoders = config.method === "mc-net" ? THREE_DECODERS : 1;
  const kind = recomputeLevels > 0 ? "recomputed" : "kept";
  const ofClasses = voxels * Math.max(0, classes - 2) * 4 * COPIES_OF_CLASSES;
  const features = (voxels * filters * FEATURE_BYTES[kind][precision] + ofClasses) * decoders;
  const drawn = config.method === "ssn" ? config.ssn.samples : config.stage1.samples;
  const samples = methodEntry(config.method).samples ? voxels * classes * drawn * 4 * COPIES_OF_SAMPLES : 0;
  const networks = PARAMETERS_PER_SQUARED_FILTERS * filters ** 2 * 4 * COPIES_OF_PARAMETERS;
  return { networks, features, samples, total: networks + features + samples };
}

/**
 * How a run's steps are done so that they fit: as they are, else with features found again instead of kept (the same
 * numbers, up to rounding, in more time), else in parts (other statistics for batch normalization, losses over each part). A choice that the configuration
 * makes is kept. On other devices than the CPU nothing is planned unless a limit is set.
 * @throws PenumbraError "bad-input" with the arithmetic where nothing fits
 */
export function planMemory(config: Config, precision: Precision, free = freeMemory()): StepShape {
  const { limitGb, recomputeLevels, parts } = config.memory;
  const shapes = (parts === null ? partsOf(config) : [parts]).flatMap((p) =>
    (recomputeLevels === null ? levelsOf(config) : [recomputeLevels]).map((levels) => ({
      recomputeLevels: levels,
      parts: p,
    })),
  );
  checkParts(config);
  if (config.device !== "cpu" && limitGb === null) return shapes[0]!;
  const limit = limitGb === null ? 0.9 * free : limitGb * 1e9;
  const fits = shapes.find((shape) => estimateStepBytes(config, precision, shape).total <= limit);
  if (!fits) throw tooLarge(config, precision, shapes.at(-1)!, limit);
  return fits;
}

/**
 * How a run goes on that may find less memory than it began with: as it was, else with features found again instead of kept,
 * which are the same numbers up to rounding. `doubt` says so, or that even that may not fit; the run is not refused, since nothing
 * about it can be changed any more.
 */
export function planResumed(
  config: Config,
  precision: Precision,
  free = freeMemory(),
): { readonly config: Config; readonly doubt: string | null } {
  const { memory } = config;
  const limit = memory.limitGb === null ? 0.9 * free : Math.min(memory.limitGb * 1e9, 0.9 * free);
  const began = { recomputeLevels: memory.recomputeLevels ?? 0, parts: memory.parts ?? 1 };
  const needs = (shape: StepShape) => estimateStepBytes(config, precision, shape).total;
  if (config.device !== "cpu" || needs(began) <= limit) return { config, doubt: null };
  const saving = { ...began, recomputeLevels: Math.max(...levelsOf(config)) };
  const changed = { ...config, memory: { ...memory, ...saving } };
  const found = `memory: a step would take about ${sizeOf(needs(began))}, ${sizeOf(limit)} may be used now`;
  return needs(saving) <= limit
    ? {
        config: changed,
        doubt: `${found}; features are found again instead of kept (slower, the same result)`,
      }
    : {
        config: changed,
        doubt: `${found}, and saving leaves ${sizeOf(needs(saving))}: free memory, or it may end`,
      };
}

/** What was chosen and why, in words; null where steps are done as they are. */
export function planInWords(config: Config, precision: Precision, shape: StepShape): string | null {
  const { recomputeLevels, parts } = shape;
  if (recomputeLevels === 0 && parts === 1) return null;
  const [before, after] = [undefined, shape].map((s) =>
    sizeOf(estimateStepBytes(config, precision, s).total),
  );
  const measures = [
    recomputeLevels > 0 && "features are found again instead of kept (slower, the same result)",
    parts > 1 &&
      `batches are worked off in ${parts} parts (batch normalization and losses see each by itself)`,
  ].filter(Boolean);
  return `memory: a step would take about ${before}; ${measures.join(", and ")}: about ${after}`;
}

const sizeOf = (bytes: number) =>
  bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;

/** None or all: the finest level alone saves little. Three decoders need the encoder's ends to be the only ones. */
const levelsOf = (config: Config): number[] => (config.method === "densecl" ? [0] : [0, 5]);

/** More parts than this would make a step of hours. */
const MOST_PARTS = 1024;

/** Parts that both kinds of patches divide into. Copy and paste needs its patches together. */
function partsOf({ method, data: { labeledPerBatch, unlabeledPerBatch } }: Config): number[] {
  if (method === "bcp" || method === "densecl") return [1];
  const parts: number[] = [];
  for (let n = 1; n <= labeledPerBatch && n <= MOST_PARTS; n++)
    if (labeledPerBatch % n === 0 && unlabeledPerBatch % n === 0) parts.push(n);
  return parts;
}

function checkParts(config: Config): void {
  const { parts } = config.memory;
  if (parts === null || partsOf(config).includes(parts)) return;
  throw badInput(
    `memory.parts is ${parts}, but ${config.method} with ${config.data.labeledPerBatch} labeled and ${config.data.unlabeledPerBatch} unlabeled patches a batch ` +
      `can be worked off in ${partsOf(config).join(" or ")}; choose one of these, or null`,
  );
}

const SMALLEST_EDGE = 16;

/** A patch of the same rank that fits, its longest edge cut again and again; null where not even the smallest does. */
function fittingPatch(config: Config, precision: Precision, shape: StepShape, limit: number): Triple | null {
  const bytesOf = (patchSize: Triple) =>
    estimateStepBytes({ ...config, data: { ...config.data, patchSize: [...patchSize] } }, precision, shape);
  const asked: Triple = config.data.patchSize;
  const slab = bytesOf(mapAxes((axis) => Math.min(asked[axis], SMALLEST_EDGE)));
  // no edge can be longer, however short the others: cutting begins there, not at what a slip of the hand asks for
  const longestEdge = SMALLEST_EDGE * Math.ceil(limit / (slab.total - slab.networks));
  let patch = mapAxes((axis) => Math.min(asked[axis], longestEdge));
  while (bytesOf(patch).total > limit) {
    const longest = Math.max(...patch);
    if (longest <= SMALLEST_EDGE) return null;
    const cut = patch.indexOf(longest);
    patch = mapAxes((axis) => (axis === cut ? longest - SMALLEST_EDGE : patch[axis]));
  }
  return patch;
}

function tooLarge(config: Config, precision: Precision, shape: StepShape, limit: number): PenumbraError {
  const needed = estimateStepBytes(config, precision, shape);
  const { networks, features, samples, total } = needed;
  const parts = [
    `networks ${sizeOf(networks)}`,
    `features ${sizeOf(features)}`,
    samples > 0 && `samples ${sizeOf(samples)}`,
  ];
  const patch = fittingPatch(config, precision, shape, limit);
  const stride = patch && mapAxes((axis) => Math.min(config.inference.stride[axis]!, patch[axis]));
  return badInput(
    `data.patchSize [${config.data.patchSize.join(", ")}] needs about ${sizeOf(total)} of memory for each step even when it is saved where possible ` +
      `(${parts.filter(Boolean).join(" + ")}), ${sizeOf(limit)} may be used; ` +
      (patch
        ? `a smaller patch fits: --set data.patchSize=[${patch}] --set inference.stride=[${stride}]`
        : "no smaller patch fits either") +
      "; or take fewer model.filters or a larger limit (--memory-limit)",
  );
}
