import { valueAt } from "./config-layers.js";
import { CONFIG_KEYS, type Config } from "./config-schema.js";

/**
 * Keys that change how a run is computed or reported, not what it is, or that the machine's memory decides; the precision
 * too, of which the run's record says what it came to.
 */
const NO_MATTER = new Set([
  "precision",
  ...["citation", "threads", "data.workers", "data.prefetch", "checkpoint.keep", "log.every"],
  ...["memory.limitGb", "memory.recomputeLevels", "memory.parts"],
]);

/** "stage1.iterations: 1200 there, 600 here" for the first key in which two runs' settings differ, or null. */
export function firstDifference(there: Config, here: Config): string | null {
  for (const { key } of CONFIG_KEYS) {
    const [a, b] = [there, here].map((config) => JSON.stringify(valueAt(config, key)));
    if (a !== b && !NO_MATTER.has(key)) return `${key}: ${a} there, ${b} here`;
  }
  return null;
}
