import type { Random } from "../data/random.js";

/** Uniform in [low, high). */
export const uniform = (random: Random, low: number, high: number): number =>
  low + (random.bits() / 2 ** 32) * (high - low);

/** Two independent standard normal numbers of two uniform ones, the first above 0 (Box & Muller 1958). */
export function normalPair(random: Random): [number, number] {
  const radius = Math.sqrt(-2 * Math.log((random.bits() + 1) / 2 ** 32));
  const angle = (2 * Math.PI * random.bits()) / 2 ** 32;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
