/** Vectors of three numbers. */
export type Vector = readonly number[];

export const dot = (a: Vector, b: Vector): number => a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
export const minus = (a: Vector, b: Vector): number[] => a.map((value, i) => value - b[i]!);
export const cross = ([a, b, c]: Vector, [d, e, f]: Vector): number[] => [
  b! * f! - c! * e!,
  c! * d! - a! * f!,
  a! * e! - b! * d!,
];
