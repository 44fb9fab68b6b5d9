import { expect, it } from "vitest";
import { bitAt, setBit } from "./bits.js";

/** Long, without the memory: remembers what is set. */
const longBytes = () =>
  new Proxy({} as Record<string, number>, {
    get: (bytes, at) => bytes[String(at)] ?? 0,
  }) as unknown as Uint8Array;

it.each([0, 7, 8, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 3, 2 ** 32 + 80])(
  "keeps bit %i apart from its neighbours",
  (bit) => {
    const bytes = longBytes();
    setBit(bytes, bit, 1);
    expect([bit - 1, bit, bit + 1].map((at) => (at < 0 ? 0 : bitAt(bytes, at)))).toEqual([0, 1, 0]);
    expect(Object.keys(bytes)).toEqual([String(Math.floor(bit / 8))]);
  },
);
