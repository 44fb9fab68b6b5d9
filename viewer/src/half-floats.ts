import type { NVImage } from "@niivue/niivue";
import { type Range, REACH } from "./intensity-range.js";

/** Of 2048 whole numbers on each side of zero none is rounded: half floats have 11 bits, and the least is 2^-14. */
export const LEVELS_A_UNIT = 4096;
const LEVELS = 65_536;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the half float nearest to a number of at least 2^-14 (or 0) and below 65520; ties to even. */
export function halfOf(value: number): number {
  float[0] = Math.abs(value);
  const [whole] = bits as unknown as [number];
  const rounded = whole + 0xfff + ((whole >>> 13) & 1);
  const half = value === 0 ? 0 : (rounded >>> 13) - (112 << 10);
  return half | (value < 0 ? 0x8000 : 0);
}

const tableOf = (signed: boolean): Uint16Array<ArrayBuffer> =>
  Uint16Array.from({ length: LEVELS }, (_, i) =>
    halfOf((signed && i >= LEVELS / 2 ? i - LEVELS : i) / LEVELS_A_UNIT),
  );
const tables = new Map<boolean, Uint16Array<ArrayBuffer>>();

/** Half floats of all numbers of 16 bits, by their bits. */
export function halfTable(signed: boolean): Uint16Array<ArrayBuffer> {
  const table = tables.get(signed) ?? tableOf(signed);
  tables.set(signed, table);
  return table;
}

/** Stored numbers as 16-bit levels: number = level * scale + offset. */
export interface Levels {
  readonly levels: Uint8Array | Int8Array | Uint16Array | Int16Array;
  readonly scale: number;
  readonly offset: number;
}

/**
 * Whole numbers of up to 16 bits as they are; of others 2048 levels over the robust range and as fine ones around it, as many as
 * 16 bits hold; what is no number is the lowest.
 */
export function levelsOf(stored: NonNullable<NVImage["img"]>, robust: Range, lowest: number): Levels {
  if (stored instanceof Int16Array || stored instanceof Uint16Array || stored instanceof Uint8Array)
    return { levels: stored, scale: 1, offset: 0 };
  const scale = (2 * REACH * (robust[1] - robust[0] || 1)) / LEVELS;
  const offset = (robust[0] + robust[1]) / 2;
  const levels = new Int16Array(stored.length);
  for (let i = 0; i < stored.length; i++) {
    const value = Number.isNaN(stored[i]) ? lowest : stored[i]!;
    levels[i] = Math.round(Math.min(LEVELS / 2 - 1, Math.max(-LEVELS / 2, (value - offset) / scale)));
  }
  return { levels, scale, offset };
}
