/** Element types of tensors on the host. BOOL is 0 or 1 in bytes. */
export type Dtype = "F32" | "F64" | "I64" | "I32" | "U8" | "BOOL";
/** Element types of files; those without a typed array are widened, losing nothing. */
export type StoredDtype = Dtype | "F16" | "BF16" | "I16" | "I8";
export type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;

/** The typed array of each host type; widest first, the order in which files keep every tensor aligned. */
export const ARRAYS = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** Bytes of one stored element. */
export const STORED_BYTES: Readonly<Record<StoredDtype, number>> = {
  ...{ F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I16: 2, U8: 1, I8: 1, BOOL: 1 },
};
export const STORED_DTYPES = Object.keys(STORED_BYTES) as StoredDtype[];

/** IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 of fraction. 0x3c00: 1; 0x0001: 2^-24; 0x7c00: infinity */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** bfloat16 is the upper half of a float32. */
function fromBfloats(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}

interface HostValues {
  readonly dtype: Dtype;
  readonly data: TensorData;
}

/** Little-endian bytes of whole elements, in a buffer of their own, as values on the host. */
export function decodeElements(dtype: StoredDtype, { buffer }: Uint8Array): HostValues {
  const bytes = buffer as ArrayBuffer;
  switch (dtype) {
    case "F16":
      return { dtype: "F32", data: Float32Array.from(new Uint16Array(bytes), fromHalf) };
    case "BF16":
      return { dtype: "F32", data: fromBfloats(new Uint16Array(bytes)) };
    case "I16":
      return { dtype: "I32", data: Int32Array.from(new Int16Array(bytes)) };
    case "I8":
      return { dtype: "I32", data: Int32Array.from(new Int8Array(bytes)) };
    default:
      return { dtype, data: new ARRAYS[dtype](bytes) };
  }
}
