import { readFileSync } from "node:fs";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Seconds that `body` takes. */
export function secondsOf(body: () => void): number {
  const start = performance.now();
  body();
  return (performance.now() - start) / 1000;
}

/** Processor seconds that `body` takes, those of all threads together. */
export function processorSecondsOf(body: () => void): number {
  const before = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/**
 * Median seconds of each body. They take turns, so that a machine that slows down slows all of them; the first round
 * warms up and does not count.
 */
export function medians<Name extends string>(
  bodies: Readonly<Record<Name, () => void>>,
  repeats: number,
  timeOf: (body: () => void) => number = secondsOf,
): Record<Name, number> {
  const names = Object.keys(bodies) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= repeats; round++)
    for (const name of names) {
      const seconds = timeOf(bodies[name]);
      if (round > 0) times.get(name)!.push(seconds);
    }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name)!)])) as Record<Name, number>;
}

/** The most memory that this process held so far, in GB (10^9 bytes): VmHWM where Linux tells it. */
export function peakRssGb(): number {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(procStatus())?.[1];
  return ((kib ? Number(kib) : process.resourceUsage().maxRSS) * 1024) / 1e9;
}

function procStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
