import { type Triple, voxelCount } from "../volume/volume.js";
import {
  type AugmentOptions,
  orient,
  randomCropOrigin,
  randomOrientation,
  type View,
  viewOf,
} from "./augment.js";
import type { PreparedCase } from "./prepare.js";
import { seeded } from "./random.js";
import { caseAt, type Stream } from "./sampler.js";

/** What one training iteration sees. */
export interface Batch {
  readonly iteration: number;
  /** The first `labeled` patches have labels. */
  readonly labeled: number;
  /** [B, 1, D, H, W] */
  readonly images: Float32Array;
  /** [labeled, D, H, W] */
  readonly labels: Uint8Array;
  /** [B, D, H, W]: 1 inside the case's region, 0 outside it and in padding. */
  readonly region: Uint8Array;
  /** Which case each patch is from. */
  readonly caseIds: readonly string[];
  /** [D, H, W] */
  readonly patchSize: Triple;
}

/** What a batch follows from, besides its iteration. */
export interface BatchOptions {
  readonly labeled: readonly PreparedCase[];
  readonly unlabeled: readonly PreparedCase[];
  readonly patchSize: Triple;
  readonly labeledPerBatch: number;
  readonly unlabeledPerBatch: number;
  readonly augment: AugmentOptions;
  readonly seed: number;
}

/** Apart from the streams' numbers, so that crops and case orders never share a seed. */
const CROP = 3;

/** Where a patch lies in a view: volume voxel = patch voxel + origin; only `from`..`to` of the patch is inside. */
interface Crop {
  readonly view: View;
  readonly origin: Triple;
  readonly patch: Triple;
}

/** Copies the inside part of a crop to `out` at `start` ([D, H, W] of the patch); padding is left as it is. */
function copyCrop<T extends Float32Array | Uint8Array>(
  source: T | null,
  crop: Crop,
  out: T,
  start: number,
): void {
  const { view, origin, patch } = crop;
  const from = (axis: 0 | 1 | 2) => Math.max(0, -origin[axis]);
  const to = (axis: 0 | 1 | 2) => Math.min(patch[axis], view.shape[axis] - origin[axis]);
  const [sd, sh, sw] = view.strides;
  for (let d = from(0); d < to(0); d++) {
    for (let h = from(1); h < to(1); h++) {
      const row = start + (d * patch[1] + h) * patch[2];
      let at = view.offset + (d + origin[0]) * sd + (h + origin[1]) * sh + (from(2) + origin[2]) * sw;
      if (!source) out.fill(1, row + from(2), row + to(2));
      else if (sw === 1) out.set(source.subarray(at, at + to(2) - from(2)) as never, row + from(2));
      else for (let w = from(2); w < to(2); w++, at += sw) out[row + w] = source[at]!;
    }
  }
}

interface Pick {
  readonly case: PreparedCase;
  readonly stream: Stream;
}

function picks(options: BatchOptions, iteration: number): Pick[] {
  const from = (stream: Stream, cases: readonly PreparedCase[], perBatch: number): Pick[] =>
    Array.from({ length: perBatch }, (_, slot) => ({
      case: cases[caseAt(options.seed, stream, cases.length, perBatch, iteration, slot)]!,
      stream,
    }));
  return [
    ...from("labeled", options.labeled, options.labeledPerBatch),
    ...from("unlabeled", options.unlabeled, options.unlabeledPerBatch),
  ];
}

/** Cases of an iteration's patches, in their order. */
export const caseIdsOf = (options: BatchOptions, iteration: number): string[] =>
  picks(options, iteration).map(({ case: { id } }) => id);

/**
 * The batch of an iteration (0 or more): labeled patches, then unlabeled ones. It follows from the options and the
 * iteration alone, so training resumes exactly and any number of workers gives the same batches. A patch is cropped
 * from the case after turning and mirroring it; where the case is smaller, it is centered in zeros.
 */
export function makeBatch(options: BatchOptions, iteration: number): Batch {
  const { patchSize, labeledPerBatch, seed, augment } = options;
  const chosen = picks(options, iteration);
  const voxels = voxelCount(patchSize);
  const images = new Float32Array(chosen.length * voxels);
  const labels = new Uint8Array(labeledPerBatch * voxels);
  const region = new Uint8Array(chosen.length * voxels);
  const fill = ({ case: prepared, stream }: Pick, slot: number) => {
    const random = seeded(seed, CROP, iteration, slot);
    const view = orient(viewOf(prepared.grid.shape), randomOrientation(augment, random));
    const crop = { view, origin: randomCropOrigin(view.shape, patchSize, random), patch: patchSize };
    copyCrop(prepared.image, crop, images, slot * voxels);
    copyCrop(prepared.region, crop, region, slot * voxels);
    if (stream === "labeled") copyCrop(prepared.label, crop, labels, slot * voxels);
  };
  chosen.forEach((pick, slot) => {
    try {
      fill(pick, slot);
    } catch (cause) {
      throw new Error(`batch: iteration ${iteration}, case ${pick.case.id}: ${(cause as Error).message}`, {
        cause,
      });
    }
  });
  const caseIds = chosen.map(({ case: { id } }) => id);
  return { iteration, labeled: labeledPerBatch, images, labels, region, caseIds, patchSize };
}
