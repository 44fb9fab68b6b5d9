/** Extents or steps along the host axes [D, H, W]; W is x and varies fastest, as NIfTI's bytes lie. */
export type Triple = readonly [number, number, number];

/** The position fields of a NIfTI header as stored, in its unit, kept so that a result is written back onto the very same grid. */
export interface NiftiGeometry {
  /** pixdim[0..3]: the handedness of the qform, then voxel edges along x, y, z. */
  readonly pixdim: readonly number[];
  readonly qformCode: number;
  /** quatern_b, quatern_c, quatern_d, qoffset_x, qoffset_y, qoffset_z. */
  readonly qform: readonly number[];
  readonly sformCode: number;
  /** srow_x, srow_y, srow_z: 12 numbers, row-major. */
  readonly sform: readonly number[];
  /** Millimetres of that unit; absent: 1. */
  readonly unitMm?: number;
}

/** The position fields of a MetaImage header as stored, for the same end: physical points are left-posterior-superior. */
export interface MetaImageGeometry {
  /** Direction of each axis, one after another. */
  readonly transformMatrix: readonly number[];
  readonly offset: readonly number[];
  readonly elementSpacing: readonly number[];
}

/** World axes that a NRRD header may name, as letters. */
export type NrrdSpace = "RAS" | "LAS" | "LPS";

/** Where voxels lie. */
export interface Grid {
  /** Voxels along [D, H, W]. */
  readonly shape: Triple;
  /** Voxel edges in mm along [D, H, W]; null where the file stores none. */
  readonly spacingMm: Triple | null;
  /** Row-major 4x4 matrix from voxel (x, y, z, 1), x = W index, to RAS mm; null where the file stores none. */
  readonly affine: readonly number[] | null;
  /** Set when the grid was read from a NIfTI file. The writer ignores it once it no longer gives `affine`. */
  readonly nifti?: NiftiGeometry;
  /** Set when the grid was read from a MetaImage; as `nifti`. */
  readonly metaImage?: MetaImageGeometry;
  /** Set when the grid was read from a NRRD file: the world that its numbers are in. */
  readonly nrrdSpace?: NrrdSpace;
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

/** Voxel edges as a person reads them: "2 x 1 x 0.7". */
export const edgesText = (edges: Triple): string =>
  edges.map((edge) => Number(edge.toPrecision(4))).join(" x ");

/** Whether the file itself says where the grid lies: a NIfTI grid without codes has a made-up place. */
export const isPlaced = ({ affine, nifti }: Grid): boolean =>
  affine !== null && (nifti === undefined || nifti.sformCode > 0 || nifti.qformCode > 0);

/** A triple from what is said of each axis. */
export const mapAxes = (value: (axis: 0 | 1 | 2) => number): Triple => [value(0), value(1), value(2)];
