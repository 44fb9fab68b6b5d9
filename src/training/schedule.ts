import { CONFIG_KEYS, type Config } from "./config-schema.js";

type Json = Record<string, unknown>;

const SCALED = CONFIG_KEYS.filter(({ scales }) => scales).map(({ key }) => key.split("."));

/** A copy of nested objects with the number at `path` replaced. */
function withNumberAt(values: Json, [name, ...rest]: readonly string[], change: (n: number) => number): Json {
  const inner = values[name!];
  return {
    ...values,
    [name!]: rest.length > 0 ? withNumberAt(inner as Json, rest, change) : change(inner as number),
  };
}

/**
 * A configuration as it runs: every key that counts iterations of training (lengths, ramps, learning-rate steps,
 * checkpoint interval) times schedule.scale, rounded, at least 1; the scale itself is 1 then, so that scaling again
 * changes nothing. 1,200 iterations at 0.2: 240.
 */
export function scaledSchedule(config: Config): Config {
  const { scale } = config.schedule;
  if (scale === 1) return config;
  const change = (n: number) => Math.max(1, Math.round(n * scale));
  const scaled = SCALED.reduce<Json>((values, path) => withNumberAt(values, path, change), config);
  return { ...(scaled as Config), schedule: { scale: 1 } };
}
