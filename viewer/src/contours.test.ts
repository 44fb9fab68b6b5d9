import { expect, it } from "vitest";
import { outlines } from "./contours.js";

const area = (line: Float32Array) => {
  let sum = 0;
  for (let i = 0; i < line.length; i += 2) {
    const next = (i + 2) % line.length;
    sum += line[i]! * line[next + 1]! - line[next]! * line[i + 1]!;
  }
  return sum / 2;
};

it("goes once around a block, through the middles of its outer edges, with its corners cut", () => {
  const labels = new Uint8Array(25);
  for (const y of [1, 2, 3]) for (const x of [1, 2, 3]) labels[5 * y + x] = 2;
  const lines = outlines(labels, 5, 5, 2);
  expect(lines).toHaveLength(1);
  const xs = lines[0]!.filter((_, i) => i % 2 === 0);
  expect([Math.min(...xs), Math.max(...xs)]).toEqual([1, 4]);
  // The middles of the twelve outer edges enclose 9 less 4 corners of ⅛; cutting corners takes a little more.
  expect(area(lines[0]!)).toBeGreaterThan(8);
  expect(area(lines[0]!)).toBeLessThan(8.5);
  expect(outlines(labels, 5, 5, 1)).toEqual([]);
});

it("gives a hole a line of its own, turned the other way, and keeps lines that touch the border", () => {
  const labels = new Uint8Array(25).fill(1);
  labels[12] = 0;
  const areas = outlines(labels, 5, 5, 1)
    .map(area)
    .sort((a, b) => a - b);
  expect(areas).toHaveLength(2);
  expect(areas[0]).toBeLessThan(0);
  expect(areas[1]).toBeGreaterThan(23);
});

it("uses every edge once where two pixels touch at a corner", () => {
  const labels = Uint8Array.from([1, 0, 0, 1]);
  const whole = outlines(labels, 2, 2, 1).reduce((sum, line) => sum + area(line), 0);
  expect(whole).toBeGreaterThan(0.8);
  expect(whole).toBeLessThan(2);
});
