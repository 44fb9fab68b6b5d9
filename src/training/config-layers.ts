import { badInput } from "../errors.js";
import { CONFIG_KEYS } from "./config-schema.js";

type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One more than a key has parts: what is longer is no key. */
export const MOST_PARTS = Math.max(...CONFIG_KEYS.map(({ key }) => key.split(".").length)) + 1;

/** ["a", "b"], 1 -> {a: {b: 1}} */
export const atPath = (parts: readonly string[], value: unknown): unknown =>
  parts.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);

/** `base` with `over` laid on it; objects are merged, all else is replaced. */
export function merge(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Json = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value !== undefined) merged[key] = merge(base[key], value);
  }
  return merged;
}

/** What `values` has at "a.b". */
export const valueAt = (values: unknown, key: string): unknown =>
  key.split(".").reduce<unknown>((inner, part) => (isObject(inner) ? inner[part] : undefined), values);

/**
 * Dotted names as sections: {"a.b": 1, "a": {"c": 2}} -> {a: {b: 1, c: 2}}
 * @throws PenumbraError "bad-input" for a key that is given twice
 */
export function nested(values: unknown): unknown {
  if (!isObject(values)) return values;
  return Object.entries(values)
    .map(([name, inner]) => {
      const parts = name.split(".");
      return atPath(parts.length > MOST_PARTS ? [name] : parts, nested(inner));
    })
    .reduce((together, one) => union(together, one, ""), {});
}

function union(a: unknown, b: unknown, path: string): unknown {
  if (a === undefined || b === undefined) return a ?? b;
  if (!isObject(a) || !isObject(b)) throw badInput(`config key "${path}" is given twice; give it once`);
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const own = (from: Json, name: string) => (Object.hasOwn(from, name) ? from[name] : undefined);
  return Object.fromEntries(
    names.map((name) => [name, union(own(a, name), own(b, name), path ? `${path}.${name}` : name)]),
  );
}
