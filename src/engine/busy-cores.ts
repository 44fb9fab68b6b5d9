import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";

const LOOKS = 9;
const PAUSE_MS = 20;

const pause = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Threads of the whole machine that run or want to, this one among them (proc(5), loadavg); null where it isn't told. */
function runnableThreads(): number | null {
  try {
    const [, , , running] = readFileSync("/proc/loadavg", "utf8").split(" ");
    return Number.parseInt(running!, 10);
  } catch {
    return null;
  }
}

/**
 * Threads of other programs that want a processor: the median of a fifth of a second, else the mean of the last minute.
 * To be asked before this program's own threads work.
 */
export function otherBusyThreads(): number {
  const seen: number[] = [];
  for (let look = 0; look < LOOKS; look++) {
    const running = runnableThreads();
    if (running === null) return Math.round(loadavg()[0]!);
    seen.push(running - 1);
    pause(PAUSE_MS);
  }
  return Math.max(0, seen.sort((a, b) => a - b)[LOOKS >> 1]!);
}

/** Says, before work on the CPU begins, where other programs have taken its cores. */
export function sayCrowded(threads: number, device: string, say: (line: string) => void): void {
  const crowded = device === "cpu" ? crowdedCores(threads) : null;
  if (crowded) say(crowded);
}

/** What to say when `threads` and those of others are more than the machine's cores; null when all have room. */
export function crowdedCores(
  threads: number,
  others: number = otherBusyThreads(),
  cores: number = cpus().length,
): string | null {
  if (others < 1 || threads + others <= cores) return null;
  const free = Math.max(1, cores - others);
  const advice =
    free < threads ? `wait for them, or take what they leave: --threads ${free}` : "better wait for them";
  return `warning: other programs keep ${Math.min(others, cores)} of ${cores} cores busy and this one takes ${threads}: threads that share cores wait for each other, which can take many times as long; ${advice}`;
}
