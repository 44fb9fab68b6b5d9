export type AxisKind = "linear" | "log";

/** A chart's axis: where values lie, 0 at its low end and 1 at its high end, and what to write beside it. */
export interface Axis {
  readonly position: (value: number) => number;
  readonly ticks: readonly number[];
}

/**
 * An axis over [low, high] with about `count` round ticks: 1, 2 or 5 times a power of ten, for "log" powers of
 * ten (and 2 and 5 times them where there are few). "log" needs low > 0. An empty range is widened.
 */
export function axisOver(low: number, high: number, kind: AxisKind, count = 5): Axis {
  return kind === "log" ? logAxis(low, high, count) : linearAxis(low, high, count);
}

function linearAxis(low: number, high: number, count: number): Axis {
  const spread = high > low ? high - low : Math.abs(low) || 1;
  const step = roundStep(spread / count);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return { ticks, position: (value) => (value / step - first) / (last - first) };
}

function logAxis(low: number, high: number, count: number): Axis {
  const [from, to] = [Math.log10(low), Math.log10(high > low ? high : 2 * low)];
  const powers = Array.from({ length: Math.ceil(to) - Math.floor(from) + 1 }, (_, i) => Math.floor(from) + i);
  const every = Math.ceil(powers.length / (2 * count));
  const factors = powers.length <= count - 2 ? [1, 2, 5] : [1];
  const ticks = powers
    .filter((_, i) => i % every === 0)
    .flatMap((power) => factors.map((factor) => factor * 10 ** power))
    .filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  if (ticks.length < 2)
    ticks.push(...linearAxis(low, high, count).ticks.filter((tick) => tick > low && tick < high));
  return { ticks, position: (value) => (Math.log10(value) - from) / (to - from) };
}

/** Smallest of 1, 2, 5 times a power of ten that is at least this. 0.23 -> 0.5 */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * 0.9999)!;
}

/** A tick in few characters. 6000 -> "6,000", 0.05 -> "0.05", 1e-7 -> "1e-7" */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6))
    return Number(value.toPrecision(6)).toExponential().replace("e+", "e");
  return Number(value.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}
