import type { Triple } from "../volume/volume.js";
import type { Random } from "./random.js";

/** Which random changes a patch gets, both in the axial plane (H, W). */
export interface AugmentOptions {
  /** 0 to 3 quarter turns, each as likely. */
  readonly rotate90: boolean;
  /** H and W mirrored or not, independently, each with even odds. */
  readonly flip: boolean;
}

/** One of the eight ways to lay a square. */
export interface Orientation {
  readonly turns: number;
  readonly flipH: boolean;
  readonly flipW: boolean;
}

export const AS_STORED: Orientation = { turns: 0, flipH: false, flipW: false };

/** A volume seen through its index: voxel (d, h, w) lies at offset + d * strides[0] + h * strides[1] + w * strides[2]. */
export interface View {
  readonly shape: Triple;
  readonly offset: number;
  readonly strides: Triple;
}

/** The view of a [D, H, W] array as it lies. */
export const viewOf = (shape: Triple): View => ({
  shape,
  offset: 0,
  strides: [shape[1] * shape[2], shape[2], 1],
});

/** A quarter turn from H towards W, numpy's rot90(axes=(H, W)): turned[d, i, j] = view[d, j, W - 1 - i]. */
export const turn = ({ shape: [d, h, w], offset, strides: [sd, sh, sw] }: View): View => ({
  shape: [d, w, h],
  offset: offset + sw * (w - 1),
  strides: [sd, -sw, sh],
});

export const flipH = ({ shape, offset, strides: [sd, sh, sw] }: View): View => ({
  shape,
  offset: offset + sh * (shape[1] - 1),
  strides: [sd, -sh, sw],
});

export const flipW = ({ shape, offset, strides: [sd, sh, sw] }: View): View => ({
  shape,
  offset: offset + sw * (shape[2] - 1),
  strides: [sd, sh, -sw],
});

/** Turns, then mirrors: the same voxels in another order, nothing is copied. */
export function orient(view: View, orientation: Orientation): View {
  let seen = view;
  for (let i = 0; i < orientation.turns; i++) seen = turn(seen);
  if (orientation.flipH) seen = flipH(seen);
  return orientation.flipW ? flipW(seen) : seen;
}

/** Draws an orientation; choices that are off are as stored. */
export function randomOrientation({ rotate90, flip }: AugmentOptions, random: Random): Orientation {
  const turns = rotate90 ? random.below(4) : 0;
  if (!flip) return { ...AS_STORED, turns };
  return { turns, flipH: random.below(2) === 1, flipW: random.below(2) === 1 };
}

/**
 * Where a patch begins in a volume: along each axis any place that keeps it inside; where the volume is smaller,
 * the negative place that centers the volume in the patch.
 */
export function randomCropOrigin(size: Triple, patch: Triple, random: Random): Triple {
  const along = (axis: 0 | 1 | 2) => {
    const room = size[axis] - patch[axis];
    return room >= 0 ? random.below(room + 1) : -Math.floor(-room / 2);
  };
  return [along(0), along(1), along(2)];
}
