/** Float32 bits in an order that integers share with the numbers: negative ones turned round. */
const toOrdered = (bits: number): number => (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
const toBits = (ordered: number): number => (ordered & 0x80000000 ? ordered ^ 0x80000000 : ~ordered) >>> 0;

const HALF = 1 << 16;

/** The values at some ranks (0 is the smallest) of `bits` in order; two passes and no copy, whatever the length. */
function atRanks(bits: Uint32Array, ranks: readonly number[]): number[] {
  const high = new Uint32Array(HALF);
  for (let i = 0; i < bits.length; i++) high[toOrdered(bits[i]!) >>> 16]!++;
  const found = ranks.map((rank) => {
    let [bin, left] = [0, rank];
    while (left >= high[bin]!) left -= high[bin++]!;
    return { bin, left };
  });
  const low = new Map(found.map(({ bin }) => [bin, new Uint32Array(HALF)]));
  for (let i = 0; i < bits.length; i++) {
    const ordered = toOrdered(bits[i]!);
    const counts = low.get(ordered >>> 16);
    if (counts) counts[ordered & 0xffff]!++;
  }
  const value = new Float32Array(1);
  const valueBits = new Uint32Array(value.buffer);
  return found.map(({ bin, left: inBin }) => {
    const counts = low.get(bin)!;
    let [at, left] = [0, inBin];
    while (left >= counts[at]!) left -= counts[at++]!;
    valueBits[0] = toBits(((bin << 16) | at) >>> 0);
    return value[0]!;
  });
}

/**
 * Percentiles (0 to 100) of finite numbers, interpolated linearly between ranks as numpy's default is: the 50th of
 * 1, 2, 4, 8 is 3. Not a number where there are none.
 */
export function percentiles(values: Float32Array, percents: readonly number[]): number[] {
  if (values.length === 0) return percents.map(() => Number.NaN);
  const positions = percents.map((percent) => (percent / 100) * (values.length - 1));
  const ranks = positions.flatMap((position) => [Math.floor(position), Math.ceil(position)]);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const found = atRanks(bits, ranks);
  return positions.map((position, i) => {
    const [low, high] = [found[2 * i]!, found[2 * i + 1]!];
    return low + (high - low) * (position - Math.floor(position));
  });
}
