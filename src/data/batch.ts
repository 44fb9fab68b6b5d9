import { PenumbraError } from "../errors.js";
import { type Box, boxShape, cropped } from "../volume/box.js";
import { mapAxes, type Triple, voxelCount } from "../volume/volume.js";
import {
  type AugmentOptions,
  orient,
  randomCropOrigin,
  randomOrientation,
  type View,
  viewOf,
} from "./augment.js";
import { type ArrayName, readCaseBox, type StoredCase } from "./case-file.js";
import type { PreparedCase } from "./prepare.js";
import { seeded } from "./random.js";
import { caseAt, type Stream } from "./sampler.js";

/** What one training iteration sees. */
export interface Batch {
  readonly iteration: number;
  /** The first `labeled` patches have labels. */
  readonly labeled: number;
  /** [B, C, D, H, W] */
  readonly images: Float32Array;
  /** C: channels of the network's input. */
  readonly channels: number;
  /** [labeled, D, H, W] */
  readonly labels: Uint8Array;
  /** [B, D, H, W]: 1 inside the case's region, 0 outside it and in padding. */
  readonly region: Uint8Array;
  /** Which case each patch is from. */
  readonly caseIds: readonly string[];
  /** [D, H, W] */
  readonly patchSize: Triple;
}

/** A case to take patches from: in a file, of which only patches are read, or whole in memory. */
export type PatchSource = StoredCase | PreparedCase;

/** What a batch follows from, besides its iteration. */
export interface BatchOptions {
  readonly labeled: readonly PatchSource[];
  readonly unlabeled: readonly PatchSource[];
  readonly patchSize: Triple;
  /** Of each case's image; absent: 1. */
  readonly channels?: number;
  /** Slices on either side that a patch of one slice brings as channels of its own; absent: 0. */
  readonly neighbours?: number;
  readonly labeledPerBatch: number;
  readonly unlabeledPerBatch: number;
  readonly augment: AugmentOptions;
  readonly seed: number;
}

/** Apart from the streams' numbers, so that crops and case orders never share a seed. */
const CROP = 3;

/** What part of a patch lies inside a view of a volume: patch voxel = view voxel - origin. */
interface Crop {
  readonly view: View;
  readonly origin: Triple;
  readonly patch: Triple;
}

/** First patch voxel inside the view, and the one after the last, along an axis. */
const from = ({ origin }: Crop, axis: 0 | 1 | 2): number => Math.max(0, -origin[axis]);
const to = ({ view, origin, patch }: Crop, axis: 0 | 1 | 2): number =>
  Math.min(patch[axis], view.shape[axis] - origin[axis]);

/** The crop's inside as a box of the [D, H, W] array that the view shows. */
function boxOf(crop: Crop, [, height, width]: Triple): Box {
  const { view, origin } = crop;
  const place = (corner: (axis: 0 | 1 | 2) => number): Triple => {
    const at = mapAxes((axis) => corner(axis) * view.strides[axis]).reduce((a, b) => a + b, view.offset);
    return [Math.floor(at / (height * width)), Math.floor(at / width) % height, at % width];
  };
  const first = place((axis) => from(crop, axis) + origin[axis]);
  const last = place((axis) => to(crop, axis) - 1 + origin[axis]);
  return {
    start: mapAxes((axis) => Math.min(first[axis], last[axis])),
    end: mapAxes((axis) => Math.max(first[axis], last[axis]) + 1),
  };
}

/** Writes the view of a box's voxels into `out`, a patch from `start` on, behind `before` voxels of padding; null is all 1. */
function paste<T extends Float32Array | Uint8Array>(
  source: T | null,
  { shape, offset, strides: [sd, sh, sw] }: View,
  before: Triple,
  patch: Triple,
  out: T,
  start: number,
): void {
  for (let d = 0; d < shape[0]; d++) {
    for (let h = 0; h < shape[1]; h++) {
      const row = start + ((d + before[0]) * patch[1] + h + before[1]) * patch[2] + before[2];
      let at = offset + d * sd + h * sh;
      if (!source) out.fill(1, row, row + shape[2]);
      else if (sw === 1) out.set(source.subarray(at, at + shape[2]) as never, row);
      else for (let w = 0; w < shape[2]; w++, at += sw) out[row + w] = source[at]!;
    }
  }
}

/** The voxels of a box out of a case's arrays, the image's of all channels. */
function boxesOf(source: PatchSource, names: readonly ArrayName[], box: Box) {
  if ("path" in source) return readCaseBox(source, names, box);
  return Object.fromEntries(
    names.map((name) => {
      const data = source[name];
      return [name, data && cropped<Float32Array | Uint8Array>(data, source.grid.shape, box)];
    }),
  );
}

/** A box of one slice and so many slices on either side of it, as far as there are any. */
const withNeighbours = ({ start, end }: Box, neighbours: number, depth: number): Box => ({
  start: [Math.max(0, start[0] - neighbours), start[1], start[2]],
  end: [Math.min(depth, end[0] + neighbours), end[1], end[2]],
});

/**
 * What the network sees of a box, an array for each channel of its input: those of the image, and of each, with
 * neighbours, the slices from the lowest to the highest; beyond the volume's ends the last slice stands again.
 */
function inputsOf(
  source: PatchSource,
  box: Box,
  image: Float32Array,
  { channels = 1, neighbours = 0 }: BatchOptions,
): Float32Array[] {
  const inBox = voxelCount(boxShape(box));
  const each = Array.from({ length: channels }, (_, c) => c);
  if (neighbours === 0) return each.map((c) => image.subarray(c * inBox, (c + 1) * inBox));
  const depth = source.grid.shape[0];
  const wide = withNeighbours(box, neighbours, depth);
  const slices = boxesOf(source, ["image"], wide).image as Float32Array;
  return each.flatMap((c) =>
    Array.from({ length: 2 * neighbours + 1 }, (_, i) => {
      const slice = Math.min(depth - 1, Math.max(0, box.start[0] - neighbours + i)) - wide.start[0];
      const at = (c * boxShape(wide)[0] + slice) * inBox;
      return slices.subarray(at, at + inBox);
    }),
  );
}

interface Pick {
  readonly case: PatchSource;
  readonly stream: Stream;
}

function picks(options: BatchOptions, iteration: number): Pick[] {
  const from = (stream: Stream, cases: readonly PatchSource[], perBatch: number): Pick[] =>
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
  const channels = (options.channels ?? 1) * (2 * (options.neighbours ?? 0) + 1);
  const images = new Float32Array(chosen.length * channels * voxels);
  const labels = new Uint8Array(labeledPerBatch * voxels);
  const region = new Uint8Array(chosen.length * voxels);
  const fill = ({ case: source, stream }: Pick, slot: number) => {
    const random = seeded(seed, CROP, iteration, slot);
    const orientation = randomOrientation(augment, random);
    const view = orient(viewOf(source.grid.shape), orientation);
    const crop = { view, origin: randomCropOrigin(view.shape, patchSize, random), patch: patchSize };
    const box = boxOf(crop, source.grid.shape);
    const names: ArrayName[] = stream === "labeled" ? ["image", "region", "label"] : ["image", "region"];
    const found = boxesOf(source, names, box);
    const seen = orient(viewOf(boxShape(box)), orientation);
    const before = mapAxes((axis) => from(crop, axis));
    const put = (data: Float32Array | Uint8Array | null, out: Float32Array | Uint8Array, place: number) =>
      paste(data, seen, before, patchSize, out, place * voxels);
    for (const [c, data] of inputsOf(source, box, found.image as Float32Array, options).entries())
      put(data, images, slot * channels + c);
    put(found.region ?? null, region, slot);
    if (stream === "labeled") put(found.label ?? null, labels, slot);
  };
  chosen.forEach((pick, slot) => {
    try {
      fill(pick, slot);
    } catch (cause) {
      const message = `batch: iteration ${iteration}, case ${pick.case.id}: ${(cause as Error).message}`;
      throw cause instanceof PenumbraError
        ? new PenumbraError(cause.code, message, { cause })
        : new Error(message, { cause });
    }
  });
  const caseIds = chosen.map(({ case: { id } }) => id);
  return { iteration, labeled: labeledPerBatch, images, channels, labels, region, caseIds, patchSize };
}
