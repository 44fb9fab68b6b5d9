/** Extents or steps along the host axes [D, H, W]; W is x and varies fastest, as NIfTI's bytes lie. */
export type Triple = readonly [number, number, number];

/** Where voxels lie. */
export interface Grid {
  /** Voxels along [D, H, W]. */
  readonly shape: Triple;
  /** Voxel edges in mm along [D, H, W]; null where the file stores none. */
  readonly spacingMm: Triple | null;
  /** Row-major 4x4 matrix from voxel (x, y, z, 1), x = W index, to RAS mm; null where the file stores none. */
  readonly affine: readonly number[] | null;
}

/** An image on the host: intensities after slope and intercept, [D, H, W]. */
export interface Volume {
  readonly grid: Grid;
  readonly data: Float32Array;
}

/** A label map on the host: class of each voxel, [D, H, W], 0 is background. */
export interface LabelMap {
  readonly grid: Grid;
  readonly data: Uint8Array;
}

/** Number of voxels of a [D, H, W] shape. */
export const voxelCount = ([d, h, w]: Triple): number => d * h * w;
