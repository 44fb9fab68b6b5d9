import { badInput } from "../errors.js";
import type { Grid } from "./volume.js";

/** How one voxel is stored. */
export type StoredType = "u8" | "i8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

/** Bytes of one voxel. */
export const bytesOf = (type: StoredType): number => Number(type.slice(1)) / 8;

/** Voxels as stored, before slope and intercept. */
export type StoredArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

export type Format =
  | "NIfTI-1"
  | "NIfTI-2"
  | "NRRD"
  | "MetaImage"
  | "DICOM series"
  | "DICOM file"
  | "DICOM-SEG"
  | "HDF5"
  | "PNG"
  | "TIFF";

/** An image of any format whose header has been read and checked; voxels are read by `load`. */
export interface StoredImage {
  readonly path: string;
  /** Other files that it is read from: data beside a header, a header beside its data. */
  readonly otherFiles?: readonly string[];
  readonly format: Format;
  /** Of one volume. */
  readonly grid: Grid;
  /** Sizes of all stored axes, x first: three, or four for a series of volumes. */
  readonly extents: readonly number[];
  readonly type: StoredType;
  readonly littleEndian: boolean;
  /** intensity = stored * slope + intercept. */
  readonly slope: number;
  readonly intercept: number;
  /** What a person should know of how it is stored. */
  readonly odd: readonly string[];
  /** All voxels in host byte order, x fastest. Bad input: cut short or damaged data. */
  readonly load: () => Promise<StoredArray>;
}

/** 4 GiB as float32; no scanner comes near. */
export const MAX_VOXELS = 2 ** 30;

/** Refuses sizes (x, y, z, …) that no memory is taken for. */
export function checkVoxelCount(extents: readonly number[], file: string): void {
  if (extents.reduce((product, n) => product * n, 1) <= MAX_VOXELS) return;
  throw badInput(
    `${file}: header says ${extents.join(" x ")} voxels; at most ${MAX_VOXELS} are read, the header is damaged`,
  );
}

/** Stored numbers -> intensities, float32. The same array where it is that already. */
export function toIntensities(stored: StoredArray, slope: number, intercept: number): Float32Array {
  const plain = slope === 1 && intercept === 0;
  if (plain && stored instanceof Float32Array) return stored;
  const data = new Float32Array(stored.length);
  if (stored instanceof BigInt64Array || stored instanceof BigUint64Array) {
    for (let i = 0; i < data.length; i++) data[i] = Number(stored[i]) * slope + intercept;
  } else if (plain) {
    data.set(stored);
  } else {
    for (let i = 0; i < data.length; i++) data[i] = stored[i]! * slope + intercept;
  }
  return data;
}

/** Rounding that slope and float storage may leave on a whole number. */
const WHOLE_TOLERANCE = 1e-3;

/** Stored numbers -> classes 0..255; bad input names the file and the first value that is none. */
export function toLabels(stored: StoredArray, file: string, slope = 1, intercept = 0): Uint8Array {
  const labels = new Uint8Array(stored.length);
  for (let i = 0; i < labels.length; i++) {
    const value = Number(stored[i]!) * slope + intercept;
    const whole = Math.round(value);
    if (!(Math.abs(value - whole) <= WHOLE_TOLERANCE && whole >= 0 && whole <= 255)) {
      throw badInput(`${file}: holds ${value} at voxel ${i}; a label map holds whole numbers from 0 to 255`);
    }
    labels[i] = whole;
  }
  return labels;
}
