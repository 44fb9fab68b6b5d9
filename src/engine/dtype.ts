/** libtorch's scalar types, by its numbers. */
export const DTYPES = {
  uint8: 0,
  int32: 3,
  int64: 4,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
} as const;
export type DType = keyof typeof DTYPES;

/** libtorch's number of a scalar type. @throws Error with the names there are for one that is none */
export function scalarType(dtype: DType, name: string): number {
  if (Object.hasOwn(DTYPES, dtype)) return DTYPES[dtype];
  throw new Error(`${name}: no dtype "${dtype}"; expected one of ${Object.keys(DTYPES).join(", ")}`);
}
