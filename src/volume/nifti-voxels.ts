import { endianness } from "node:os";
import { bytesOf, type NiftiHeader, type StoredType } from "./nifti-header.js";

type Stored = ArrayLike<number> | BigInt64Array | BigUint64Array;

const VIEWS: Record<StoredType, new (buffer: ArrayBuffer) => Stored> = {
  u8: Uint8Array,
  i8: Int8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
};

const SWAPS: Readonly<Record<number, (bytes: Buffer) => Buffer>> = {
  1: (bytes) => bytes,
  2: (bytes) => bytes.swap16(),
  4: (bytes) => bytes.swap32(),
  8: (bytes) => bytes.swap64(),
};

const HOST_IS_LITTLE = endianness() === "LE";

/** Stored bytes -> intensities after slope and intercept, in file order: x fastest, hence [D, H, W]. */
export function decodeVoxels(raw: Uint8Array, header: NiftiHeader): Float32Array {
  const aligned = new Uint8Array(raw).buffer; // a copy begins at 0, whatever the offset was
  if (header.littleEndian !== HOST_IS_LITTLE) SWAPS[bytesOf(header.type)]!(Buffer.from(aligned));
  const stored = new VIEWS[header.type](aligned);
  const { slope, intercept } = header;
  if (stored instanceof Float32Array && slope === 1 && intercept === 0) return stored;
  const data = new Float32Array(stored.length);
  for (let i = 0; i < data.length; i++) data[i] = Number(stored[i]) * slope + intercept;
  return data;
}
