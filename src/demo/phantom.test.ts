import { expect, it } from "vitest";
import type { Triple } from "../volume/volume.js";
import { makePhantom, type Phantom } from "./phantom.js";

const SHAPE: Triple = [24, 36, 36];
const mean = (values: Float32Array | number[]) =>
  (values as number[]).reduce((a, b) => a + b, 0) / values.length;

const bytes = ({ image, label }: Phantom) => Buffer.concat([Buffer.from(image.buffer), label]);

it("follows from seed, index and shape alone", () => {
  const one = bytes(makePhantom(5, 2, SHAPE));
  expect(bytes(makePhantom(5, 2, SHAPE)).equals(one)).toBe(true);
  for (const other of [makePhantom(6, 2, SHAPE), makePhantom(5, 3, SHAPE)]) {
    expect(bytes(other).equals(one)).toBe(false);
    expect(Buffer.from(other.label).equals(one.subarray(-other.label.length))).toBe(false);
  }
});

it("has magnitudes, and an atrium that is a small bright part away from most of the edge", () => {
  for (let index = 0; index < 8; index++) {
    const { image, label } = makePhantom(200, index, SHAPE);
    expect(image.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
    const inside = [...image].filter((_, i) => label[i] === 1);
    const outside = [...image].filter((_, i) => label[i] === 0);
    expect(inside.length / image.length).toBeGreaterThan(0.01);
    expect(inside.length / image.length).toBeLessThan(0.15);
    expect(mean(inside)).toBeGreaterThan(1.5 * mean(outside));
    expect(mean(inside)).toBeGreaterThan(100);
    expect([...label].every((value) => value <= 1)).toBe(true);
  }
});

it("has neighbours as bright as the atrium: no threshold segments it", () => {
  for (let index = 0; index < 4; index++) {
    const { image, label } = makePhantom(300, index, SHAPE);
    const level = 0.8 * mean([...image].filter((_, i) => label[i] === 1));
    const bright = [...image.keys()].filter((i) => image[i]! > level);
    expect(bright.filter((i) => label[i] === 0).length).toBeGreaterThan(0.3 * bright.length);
  }
});

it("keeps its anatomy at another resolution", () => {
  const volume = (shape: Triple) =>
    makePhantom(4, 0, shape).label.reduce((a, b) => a + b, 0) / (shape[0] * shape[1] * shape[2]);
  expect(volume([32, 48, 48]) / volume([16, 24, 24])).toBeCloseTo(1, 0);
});
