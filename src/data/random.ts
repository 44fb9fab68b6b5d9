/** murmur3's 32-bit finalizer: every input bit changes every output bit with even odds. mix(1) = 0x514e28b7 */
export function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A seeded source of random numbers. */
export interface Random {
  /** The next 32 random bits, as an integer from 0 to 2^32 - 1. */
  bits(): number;
  /** A whole number from 0 to n - 1. */
  below(n: number): number;
}

/** xoshiro128** 1.1 (Blackman & Vigna 2018). From state 1, 2, 3, 4 its first numbers are 11520, 0, 5927040. */
export function xoshiro(state: readonly [number, number, number, number]): Random {
  let [a, b, c, d] = state;
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const bits = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  return { bits, below: (n) => Math.floor((bits() / 2 ** 32) * n) };
}

/** The generator that belongs to a list of whole numbers, such as (seed, stream, epoch); other lists, other numbers. */
export function seeded(...key: readonly number[]): Random {
  const word = (salt: number) =>
    key.reduce((h, part) => mix(mix(h ^ (part >>> 0)) + Math.floor(part / 2 ** 32) + 0x9e3779b9), mix(salt));
  return xoshiro([word(1), word(2), word(3), word(4)]);
}

/** 0..n-1 in random order (Fisher-Yates). */
export function permutation(n: number, random: Random): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
