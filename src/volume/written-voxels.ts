import { endianness } from "node:os";

/** Voxels as a file will hold them: value = stored * slope. */
export type WrittenVoxels =
  | { readonly type: "u8"; readonly data: Uint8Array; readonly slope: 1 }
  | { readonly type: "u16"; readonly data: Uint16Array; readonly slope: 1 }
  | { readonly type: "i16"; readonly data: Int16Array; readonly slope: number }
  | { readonly type: "f32"; readonly data: Float32Array; readonly slope: 1 };

const MOST_INT16 = 32767;

/** Labels as they are. */
export const labelVoxels = (data: Uint8Array | Uint16Array): WrittenVoxels =>
  data instanceof Uint8Array ? { type: "u8", data, slope: 1 } : { type: "u16", data, slope: 1 };

/**
 * Intensities as int16 with one slope: half the size of float32, off by at most half the slope, which is the largest
 * magnitude / 32767. 0 and that largest value are exact.
 */
export function scaledVoxels(values: Float32Array): WrittenVoxels {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const slope = Math.fround(largest > 0 && Number.isFinite(largest) ? largest / MOST_INT16 : 1);
  return { type: "i16", data: Int16Array.from(values, (value) => Math.round(value / slope)), slope };
}

/** Their bytes, little endian. */
export function voxelBytes({ data, type }: WrittenVoxels): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (endianness() === "LE" || type === "u8") return bytes;
  const copy = Buffer.from(bytes);
  return type === "f32" ? copy.swap32() : copy.swap16();
}
