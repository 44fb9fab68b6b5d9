import { type NIFTI1, type NIFTI2, readHeader } from "nifti-reader-js";
import { badInput } from "../errors.js";
import { NIFTI1_HEADER_BYTES, niftiGeometry, niftiGrid, oddGeometry, oddUnits } from "./nifti-geometry.js";
import { checkVoxelCount, type StoredType } from "./stored-image.js";
import type { Grid, Triple } from "./volume.js";

const STORED_TYPES: Readonly<Record<number, StoredType>> = {
  2: "u8",
  4: "i16",
  8: "i32",
  16: "f32",
  64: "f64",
  256: "i8",
  512: "u16",
  768: "u32",
  1024: "i64",
  1280: "u64",
};
const REFUSED_TYPES: Readonly<Record<number, string>> = {
  1: "1-bit binary",
  32: "complex64",
  128: "RGB color",
  1536: "128-bit float",
  1792: "complex128",
  2048: "complex256",
  2304: "RGBA color",
};

/** What is needed of a NIfTI header, checked. */
export interface NiftiHeader {
  readonly version: 1 | 2;
  /** Of one volume. */
  readonly grid: Grid;
  /** Sizes of all stored axes, x first; three, or four for a series of volumes. */
  readonly extents: readonly number[];
  readonly type: StoredType;
  readonly littleEndian: boolean;
  /** Voxels lie in a separate .img file. */
  readonly isPair: boolean;
  /** Where voxels begin, in bytes. */
  readonly offset: number;
  /** intensity = stored * slope + intercept. */
  readonly slope: number;
  readonly intercept: number;
  /** What a person should know of its geometry. */
  readonly odd: readonly string[];
}

export const NIFTI2_HEADER_BYTES = 540;
/** Behind the header of a single file, before extensions or voxels. */
const EXTENSION_FLAG_BYTES = 4;

/** The header's bytes alone, so that the library never walks extensions, whose sizes it doesn't check. */
function headerBytes(head: Uint8Array, file: string): ArrayBuffer {
  if (head.byteLength < NIFTI1_HEADER_BYTES) {
    throw badInput(
      `${file}: only ${head.byteLength} bytes, a NIfTI header takes ${NIFTI1_HEADER_BYTES}; the file is cut short or not NIfTI`,
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const declared = [view.getInt32(0, true), view.getInt32(0, false)];
  const size = [NIFTI1_HEADER_BYTES, NIFTI2_HEADER_BYTES].find((bytes) => declared.includes(bytes));
  if (size === undefined || head.byteLength < size) {
    throw badInput(
      `${file}: not a NIfTI file (no NIfTI-1 or NIfTI-2 header); expected .nii, .nii.gz or .hdr with .img`,
    );
  }
  return new Uint8Array(head.subarray(0, size)).buffer;
}

function parse(bytes: ArrayBuffer, file: string): NIFTI1 | NIFTI2 {
  try {
    return readHeader(bytes, true);
  } catch (cause) {
    throw badInput(
      `${file}: not a NIfTI file (its magic is not n+1, ni1, n+2 or ni2); expected a NIfTI-1 or NIfTI-2 image`,
      cause,
    );
  }
}

function extentsOf(dims: readonly number[], file: string): number[] {
  const rank = dims[0]!;
  const sizes = dims.slice(1, rank + 1);
  const said = sizes.join(" x ");
  if (!(rank >= 1 && rank <= 7)) throw badInput(`${file}: header says ${rank} dimensions; expected 3`);
  if (!sizes.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw badInput(`${file}: header says ${said} voxels; every size must be positive, the header is damaged`);
  }
  if (rank < 2 || sizes.slice(4).some((n) => n !== 1)) {
    throw badInput(`${file}: a ${rank}-D image of ${said}; expected one 3-D volume, split it first`);
  }
  checkVoxelCount(sizes, file);
  return rank === 2 ? [...sizes, 1] : sizes.slice(0, 4);
}

function typeOf(code: number, file: string): StoredType {
  const type = STORED_TYPES[code];
  if (type) return type;
  throw badInput(
    `${file}: voxels are ${REFUSED_TYPES[code] ?? "of an unknown type"} (NIfTI datatype ${code}); expected integers or floats, one number a voxel`,
  );
}

/**
 * Reads and checks a NIfTI-1 or NIfTI-2 header of either endianness from a file's first bytes (540 or more where
 * the file has them). No voxel is touched and nothing is allocated from what the header claims. Bad input: not
 * NIfTI, cut short, sizes that are not positive or over 2^30 voxels, five axes or more, complex or color voxels.
 */
export function parseNiftiHeader(head: Uint8Array, file: string): NiftiHeader {
  const bytes = headerBytes(head, file);
  const header = parse(bytes, file);
  const extents = extentsOf(header.dims, file);
  const shape: Triple = [extents[2]!, extents[1]!, extents[0]!];
  const type = typeOf(header.datatypeCode, file);
  const isPair = header.magic.startsWith("ni");
  const leastOffset = isPair ? 0 : bytes.byteLength + EXTENSION_FLAG_BYTES;
  const offset = header.vox_offset === 0 ? leastOffset : header.vox_offset; // 0 means the first that there can be
  if (!Number.isSafeInteger(offset) || offset < (isPair ? 0 : bytes.byteLength)) {
    throw badInput(`${file}: header says that voxels begin at byte ${offset}; the header is damaged`);
  }
  const scaled = header.scl_slope !== 0 && Number.isFinite(header.scl_slope);
  if (scaled && !Number.isFinite(header.scl_inter)) {
    throw badInput(
      `${file}: slope is ${header.scl_slope} but intercept is ${header.scl_inter}; the header is damaged`,
    );
  }
  const geometry = niftiGeometry(header, bytes);
  const grid = niftiGrid(shape, geometry, file);
  return {
    version: bytes.byteLength === NIFTI1_HEADER_BYTES ? 1 : 2,
    extents,
    grid,
    type,
    littleEndian: header.littleEndian,
    isPair,
    offset,
    slope: scaled ? header.scl_slope : 1,
    intercept: scaled ? header.scl_inter : 0,
    odd: [...oddUnits(header.xyzt_units), ...oddGeometry(grid, geometry)],
  };
}
