import { type NIFTI1, type NIFTI2, readHeader } from "nifti-reader-js";
import { badInput } from "../errors.js";
import { columnLengths, niftiAffine } from "./affine.js";
import type { Grid, NiftiGeometry, Triple } from "./volume.js";

/** How one voxel is stored. */
export type StoredType = "u8" | "i8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

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

/** Bytes of one voxel. */
export const bytesOf = (type: StoredType): number => Number(type.slice(1)) / 8;

/** What is needed of a NIfTI header, checked. */
export interface NiftiHeader {
  readonly grid: Grid;
  readonly type: StoredType;
  readonly littleEndian: boolean;
  /** Voxels lie in a separate .img file. */
  readonly isPair: boolean;
  /** Where voxels begin, in bytes. */
  readonly offset: number;
  /** intensity = stored * slope + intercept. */
  readonly slope: number;
  readonly intercept: number;
}

export const NIFTI1_HEADER_BYTES = 348;
export const NIFTI2_HEADER_BYTES = 540;
/** 4 GiB as float32; no scanner comes near. */
const MAX_VOXELS = 2 ** 30;
/** NIfTI's spatial unit codes (meter, mm, micrometer) in mm; unknown is taken as mm. */
const UNITS_MM: Readonly<Record<number, number>> = { 0: 1, 1: 1000, 2: 1, 3: 0.001 };

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

function shapeOf(dims: readonly number[], file: string): Triple {
  const rank = dims[0]!;
  const sizes = dims.slice(1, rank + 1);
  const said = sizes.join(" x ");
  if (!(rank >= 1 && rank <= 7)) throw badInput(`${file}: header says ${rank} dimensions; expected 3`);
  if (!sizes.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw badInput(`${file}: header says ${said} voxels; every size must be positive, the header is damaged`);
  }
  if (rank < 3 || sizes.slice(3).some((n) => n !== 1)) {
    throw badInput(`${file}: a ${rank}-D image of ${said}; expected one 3-D volume, split it first`);
  }
  const [w, h, d] = sizes as [number, number, number];
  if (d * h * w > MAX_VOXELS) {
    throw badInput(
      `${file}: header says ${said} voxels; at most ${MAX_VOXELS} are read, the header is damaged`,
    );
  }
  return [d, h, w];
}

function typeOf(code: number, file: string): StoredType {
  const type = STORED_TYPES[code];
  if (type) return type;
  throw badInput(
    `${file}: voxels are ${REFUSED_TYPES[code] ?? "of an unknown type"} (NIfTI datatype ${code}); expected integers or floats, one number a voxel`,
  );
}

/** The library leaves the sform out of a NIfTI-1 header whose qform code is larger, so its rows are read here. */
function geometryOf(header: NIFTI1 | NIFTI2, bytes: ArrayBuffer): NiftiGeometry {
  const view = new DataView(bytes);
  const single = bytes.byteLength === NIFTI1_HEADER_BYTES;
  const row = (i: number) =>
    single
      ? view.getFloat32(280 + 4 * i, header.littleEndian)
      : view.getFloat64(400 + 8 * i, header.littleEndian);
  return {
    pixdim: header.pixDims.slice(0, 4),
    qformCode: header.qform_code,
    qform: [
      ...[header.quatern_b, header.quatern_c, header.quatern_d],
      ...[header.qoffset_x, header.qoffset_y, header.qoffset_z],
    ],
    sformCode: header.sform_code,
    sform: Array.from({ length: 12 }, (_, i) => row(i)),
  };
}

function gridOf(shape: Triple, geometry: NiftiGeometry, mm: number, file: string): Grid {
  const edges = geometry.pixdim.slice(1).map(Math.abs);
  const stored = edges.every((edge) => edge > 0 && Number.isFinite(edge));
  if (!stored && geometry.sformCode <= 0) return { shape, spacingMm: null, affine: null };
  const affine = niftiAffine(geometry, shape).map((value, i) => (i < 12 ? value * mm : value));
  const [x, y, z] = stored
    ? (edges.map((edge) => edge * mm) as [number, number, number])
    : columnLengths(affine);
  if (!affine.every(Number.isFinite) || columnLengths(affine).some((length) => length === 0)) {
    throw badInput(`${file}: its affine [${affine.join(", ")}] maps voxels nowhere; the header is damaged`);
  }
  return { shape, spacingMm: [z, y, x], affine, ...(mm === 1 ? { nifti: geometry } : {}) };
}

/**
 * Reads and checks a NIfTI-1 or NIfTI-2 header of either endianness from a file's first bytes (540 or more where
 * the file has them). No voxel is touched and nothing is allocated from what the header claims. Bad input: not
 * NIfTI, cut short, sizes that are not positive or over 2^30 voxels, more than one volume, complex or color voxels.
 */
export function parseNiftiHeader(head: Uint8Array, file: string): NiftiHeader {
  const bytes = headerBytes(head, file);
  const header = parse(bytes, file);
  const shape = shapeOf(header.dims, file);
  const type = typeOf(header.datatypeCode, file);
  const isPair = header.magic.startsWith("ni");
  const offset = header.vox_offset;
  if (!Number.isSafeInteger(offset) || offset < (isPair ? 0 : bytes.byteLength)) {
    throw badInput(`${file}: header says that voxels begin at byte ${offset}; the header is damaged`);
  }
  const scaled = header.scl_slope !== 0 && Number.isFinite(header.scl_slope);
  if (scaled && !Number.isFinite(header.scl_inter)) {
    throw badInput(
      `${file}: slope is ${header.scl_slope} but intercept is ${header.scl_inter}; the header is damaged`,
    );
  }
  return {
    grid: gridOf(shape, geometryOf(header, bytes), UNITS_MM[header.xyzt_units & 7] ?? 1, file),
    type,
    littleEndian: header.littleEndian,
    isPair,
    offset,
    slope: scaled ? header.scl_slope : 1,
    intercept: scaled ? header.scl_inter : 0,
  };
}
