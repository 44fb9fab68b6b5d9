import { endianness } from "node:os";
import { bytesOf, type StoredArray, type StoredType } from "./stored-image.js";

/** The typed array of each stored type. */
const ARRAY_TYPES: Record<
  StoredType,
  new (
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ) => StoredArray
> = {
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

/**
 * Stored bytes -> numbers in host order, without a copy where the bytes lie on the type's boundary. The bytes are
 * taken over: other endianness is swapped in place.
 */
export function viewStored(raw: Uint8Array, type: StoredType, littleEndian: boolean): StoredArray {
  const size = bytesOf(type);
  const bytes = raw.byteOffset % size === 0 ? raw : new Uint8Array(raw);
  if (littleEndian !== HOST_IS_LITTLE)
    SWAPS[size]!(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return new ARRAY_TYPES[type](bytes.buffer, bytes.byteOffset, bytes.byteLength / size);
}

/** A new array of zeros. */
export const newStored = (type: StoredType, length: number): StoredArray =>
  new ARRAY_TYPES[type](new ArrayBuffer(length * bytesOf(type)), 0, length);
