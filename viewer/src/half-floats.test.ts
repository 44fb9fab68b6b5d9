import { describe, expect, it } from "vitest";
import { halfOf, halfTable, LEVELS_A_UNIT, levelsOf } from "./half-floats.js";

/** The number that 16 bits mean as IEEE 754 binary16. */
const meaning = (half: number): number => {
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return half & 0x8000 ? -size : size;
};

describe("half floats", () => {
  it("has the bits of the standard's examples", () => {
    expect(halfOf(1)).toBe(0x3c00);
    expect(halfOf(-2)).toBe(0xc000);
    expect(halfOf(0)).toBe(0);
    expect(halfOf(65504)).toBe(0x7bff);
    expect(halfOf(1 / 3)).toBe(0x3555);
    expect(halfOf(2 ** -14)).toBe(0x0400);
    expect(halfOf(1 + 2 ** -11), "a tie, to even").toBe(0x3c00);
    expect(halfOf(1 + 3 * 2 ** -11), "a tie, to even").toBe(0x3c02);
  });

  it("keeps every whole number to 2048, and 1 in 2048 beyond", () => {
    const table = halfTable(true);
    for (let hu = -2048; hu <= 2048; hu++) expect(meaning(table[hu & 0xffff]!) * LEVELS_A_UNIT).toBe(hu);
    for (const hu of [-32768, -3001, 3071, 20_001, 32_767])
      expect(Math.abs(meaning(table[hu & 0xffff]!) * LEVELS_A_UNIT - hu)).toBeLessThanOrEqual(
        Math.abs(hu) / 2048,
      );
    expect(meaning(halfTable(false)[65_535]!) * LEVELS_A_UNIT).toBe(65_536);
  });

  it("takes floats as 2048 levels of their robust range, far beyond it too, what is no number as the lowest", () => {
    const stored = Float32Array.from([-3, 0.5, 7, 100, Number.NaN, Number.POSITIVE_INFINITY, 1e9]);
    const { levels, scale, offset } = levelsOf(stored, [-3, 7], -5);
    expect(scale).toBe(10 / 2048);
    const back = Array.from(levels, (level) => level * scale + offset);
    for (const [i, value] of [-3, 0.5, 7, 100, -5].entries())
      expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(scale / 2);
    expect([...levels.subarray(5)]).toEqual([32_767, 32_767]);
    expect(levelsOf(Float32Array.from([5, 5]), [5, 5], 5).levels).toEqual(Int16Array.from([0, 0]));
    const whole = Int16Array.from([1, -2]);
    expect(levelsOf(whole, [-2, 1], -2)).toEqual({ levels: whole, scale: 1, offset: 0 });
  });
});
