import { channelOf, type PreparedCase } from "../data/prepare.js";
import { fromArray } from "../engine/make-tensor.js";
import { withPrecision } from "../engine/precision.js";
import { takeVoxels } from "../engine/take-voxels.js";
import { boundaryMask } from "../losses/boundary-contrast.js";
import type { Method } from "../methods/method.js";
import { centreOfMass } from "../report/anatomy.js";
import type { ObservedRun } from "../training/observer.js";
import { mapAxes, type Triple, voxelCount } from "../volume/volume.js";
import { inEvaluation } from "./evaluation-mode.js";

/** Voxels near a boundary that are taken of each case. */
const VOXELS_PER_CASE = 400;
const DIGITS = 4;

export interface FeatureSource {
  readonly prepared: PreparedCase;
  readonly labels: Uint8Array;
  readonly source: "labeled" | "pseudo-labeled";
}

export interface FeatureRows {
  /** "projection": unit length, what stage 1 contrasts; "embedding": what stage 2 compares with prototypes. */
  readonly space: "projection" | "embedding";
  readonly rows: { feature: number[]; class: number; source: FeatureSource["source"] }[];
  readonly prototypes: number[][] | null;
}

/**
 * The student's features at voxels near boundaries, of one patch around the labels of each case, evenly taken, in the
 * space that the method shapes; and the method's prototypes.
 */
export function boundaryFeatures(
  method: Method,
  sources: readonly FeatureSource[],
  run: ObservedRun,
): FeatureRows {
  const prototypes = method.prototypes?.() ?? null;
  const space = method.contrasts === "projection" ? "projection" : "embedding";
  const rows = sources.flatMap((source) => rowsOf(method, source, space, run));
  const means = prototypes?.toFloat32Array();
  const [classes, channels] = prototypes?.shape ?? [0, 0];
  return {
    space,
    rows,
    prototypes: means
      ? Array.from({ length: classes! }, (_, c) =>
          rounded(means.subarray(c * channels!, (c + 1) * channels!)),
        )
      : null,
  };
}

function rowsOf(
  { network }: Method,
  { prepared, labels, source }: FeatureSource,
  space: FeatureRows["space"],
  { config, precision }: ObservedRun,
): FeatureRows["rows"] {
  const { shape } = prepared.grid;
  const { patchSize } = config.data;
  const centre = centreOfMass(labels, shape) ?? mapAxes((axis) => shape[axis] >> 1);
  const { inputChannels, neighbours } = config.model;
  const parts = Array.from({ length: inputChannels }, (_, c) =>
    cut(channelOf(prepared, c), shape, centre, patchSize, neighbours),
  );
  const patch = Float32Array.from(parts.flatMap((part) => [...part]));
  const classes = Uint8Array.from(cut(labels, shape, centre, patchSize));
  const near: number[] = [];
  boundaryMask(classes, patchSize).forEach((on, i) => {
    if (on) near.push(i);
  });
  const step = Math.max(1, Math.ceil(near.length / VOXELS_PER_CASE));
  const taken = near.filter((_, i) => i % step === 0);
  if (taken.length === 0) return [];
  const image = fromArray(patch, [1, inputChannels * (2 * neighbours + 1), ...patchSize], config.device);
  const features = inEvaluation(network, () =>
    withPrecision(precision, config.device, () => {
      const index = fromArray(BigInt64Array.from(taken, BigInt), [taken.length], config.device);
      const chosen = takeVoxels(network.embed(image), index).reshape([1, -1, 1, 1, taken.length]);
      const features = space === "projection" ? network.features(chosen) : chosen;
      return features.reshape([-1, taken.length]).transpose(0, 1).toFloat32Array();
    }),
  );
  const length = features.length / taken.length;
  return taken.map((voxel, i) => ({
    feature: rounded(features.subarray(i * length, (i + 1) * length)),
    class: classes[voxel]!,
    source,
  }));
}

const rounded = (values: Float32Array): number[] =>
  Array.from(values, (value) => Number(value.toFixed(DIGITS)));

/**
 * The patch [D, H, W] around a voxel, zeros where it leaves the volume; with slices on either side, the ends repeated, as
 * the network sees them.
 */
function cut(
  values: Float32Array | Uint8Array,
  shape: Triple,
  centre: Triple,
  size: Triple,
  neighbours = 0,
): Float32Array {
  const patch: Triple = [size[0] + 2 * neighbours, size[1], size[2]];
  const origin = centre.map((at, axis) => at - (patch[axis]! >> 1));
  const out = new Float32Array(voxelCount(patch));
  for (let i = 0; i < out.length; i++) {
    const x = origin[2]! + (i % patch[2]);
    const y = origin[1]! + (Math.floor(i / patch[2]) % patch[1]);
    const slice = origin[0]! + Math.floor(i / (patch[2] * patch[1]));
    const z = neighbours > 0 ? Math.min(shape[0] - 1, Math.max(0, slice)) : slice;
    if (z < 0 || y < 0 || x < 0 || z >= shape[0] || y >= shape[1] || x >= shape[2]) continue;
    out[i] = values[(z * shape[1] + y) * shape[2] + x]!;
  }
  return out;
}
