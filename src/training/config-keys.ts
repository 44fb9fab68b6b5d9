import { z } from "zod";

/** Says what a value must be and what it does; errors and `describeConfigKeys` read both. */
export const leaf = <S extends z.ZodType>(schema: S, expected: string, meaning: string): S =>
  schema.meta({ expected, meaning }) as S;

export const atLeast = (least: number, meaning: string) =>
  leaf(z.int().min(least), `a whole number, at least ${least}`, meaning);
/** A range keeps a slip of the hand from asking for more than any machine has. */
export const between = (least: number, most: number, meaning: string) =>
  leaf(z.int().min(least).max(most), `a whole number from ${least} to ${most}`, meaning);
/** A count of iterations that `schedule.scale` multiplies. */
export const iterations = (meaning: string) => {
  const schema = atLeast(1, meaning);
  return schema.meta({ ...schema.meta(), scales: true });
};
export const positive = (meaning: string) => leaf(z.number().positive(), "a number above 0", meaning);
export const notNegative = (meaning: string) =>
  leaf(z.number().nonnegative(), "a number, at least 0", meaning);
export const belowOne = (meaning: string) =>
  leaf(z.number().min(0).lt(1), "a number from 0 to below 1", meaning);
export const yesOrNo = (meaning: string) => leaf(z.boolean(), "true or false", meaning);
export const oneOf = <const T extends readonly [string, ...string[]]>(values: T, meaning: string) =>
  leaf(z.enum(values), `one of ${values.map((value) => `"${value}"`).join(", ")}`, meaning);

export const evenSamples = (meaning: string) =>
  leaf(z.int().min(2).multipleOf(2), "an even whole number, at least 2", meaning);

/** A key that earlier versions did not have: their stored configurations are read with what held then. */
export const later = <S extends z.ZodType>(schema: S, then: z.output<S>, expected: string, meaning: string) =>
  leaf(schema.default(then as never), expected, meaning);

/** One key of the configuration. */
export interface ConfigKey {
  readonly key: string;
  readonly expected: string;
  readonly meaning: string;
  /** Whether `schedule.scale` multiplies it. */
  readonly scales: boolean;
}

/** The keys of a schema whose values were made by the functions above, in its order, dotted. */
export function keysOf(schema: z.ZodObject, prefix: string): ConfigKey[] {
  return Object.entries(schema.shape).flatMap(([name, child]) => {
    if (child instanceof z.ZodObject) return keysOf(child, `${prefix}${name}.`);
    const { scales = false, ...rest } = z.globalRegistry.get(child as z.ZodType) as Omit<ConfigKey, "key">;
    return [{ key: prefix + name, ...rest, scales }];
  });
}
