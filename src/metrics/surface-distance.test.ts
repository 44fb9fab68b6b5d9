import { describe, expect, it } from "vitest";
import type { Triple } from "../volume/volume.js";
import { percentile, surfaceDistances, surfaceVoxels } from "./surface-distance.js";

/** A small generator so that a failure can be repeated (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function positions(surface: Uint8Array, [, height, width]: Triple, spacing: Triple): number[][] {
  const found: number[][] = [];
  surface.forEach((value, i) => {
    if (!value) return;
    const [d, h, w] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    found.push([d * spacing[0], h * spacing[1], w * spacing[2]]);
  });
  return found;
}

/** Every pair of surface voxels, straight from the definition. */
function bruteForce(prediction: Uint8Array, reference: Uint8Array, shape: Triple, spacing: Triple) {
  const whole = { start: [0, 0, 0] as const, end: shape };
  const a = positions(surfaceVoxels(prediction, 1, shape, whole), shape, spacing);
  const b = positions(surfaceVoxels(reference, 1, shape, whole), shape, spacing);
  const nearest = (from: number[][], to: number[][]) =>
    from.map((p) => Math.min(...to.map((q) => Math.hypot(p[0]! - q[0]!, p[1]! - q[1]!, p[2]! - q[2]!))));
  const [ab, ba] = [nearest(a, b), nearest(b, a)];
  return {
    hd95: percentile(Float64Array.from([...ab, ...ba]), 95),
    asd: ab.reduce((x, y) => x + y, 0) / ab.length,
  };
}

describe("surfaceDistances", () => {
  it("measures two voxels 3 apart along W, spacing 2: 6", () => {
    const [prediction, reference] = [Uint8Array.of(1, 0, 0, 0), Uint8Array.of(0, 0, 0, 1)];
    expect(surfaceDistances(prediction, reference, 1, [1, 1, 4], [5, 5, 2])).toEqual({ hd95: 6, asd: 6 });
  });

  it("is directed: a voxel on the reference's surface is 0 away, the rest of the reference is not", () => {
    const [prediction, reference] = [Uint8Array.of(1, 0, 0), Uint8Array.of(1, 1, 1)];
    // the middle voxel has no neighbour outside; pooled distances 0 | 0, 2: rank 1.9 lies between 0 and 2
    const { hd95, asd } = surfaceDistances(prediction, reference, 1, [1, 3, 1], [1, 1, 1])!;
    expect(asd).toBe(0);
    expect(hd95).toBeCloseTo(1.8, 12);
  });

  it("takes the outline of a 2-D image, which is not surface all over along its axis of one voxel", () => {
    const inside = [6, 7, 8, 11, 12, 13, 16, 17, 18]; // 3 x 3 in 5 x 5
    const square = Uint8Array.from({ length: 25 }, (_, i) => (inside.includes(i) ? 1 : 0));
    for (const shape of [
      [1, 5, 5],
      [5, 1, 5],
      [5, 5, 1],
    ] as const) {
      const surface = surfaceVoxels(square, 1, shape, { start: [0, 0, 0], end: shape });
      expect([...surface].flatMap((on, i) => (on ? [i] : []))).toEqual(inside.filter((i) => i !== 12));
    }
    const point = Uint8Array.from({ length: 25 }, (_, i) => (i === 12 ? 1 : 0));
    // from the point to the outline 1; from the outline's 8 voxels 1 or sqrt 2
    const { asd } = surfaceDistances(point, square, 1, [1, 5, 5], [9, 1, 1])!;
    expect(asd).toBe(1);
  });

  it("has no distance where one map lacks the class", () => {
    const [empty, full] = [new Uint8Array(8), new Uint8Array(8).fill(1)];
    expect(surfaceDistances(empty, full, 1, [2, 2, 2], [1, 1, 1])).toBeNull();
    expect(surfaceDistances(full, empty, 1, [2, 2, 2], [1, 1, 1])).toBeNull();
    expect(surfaceDistances(full, full, 2, [2, 2, 2], [1, 1, 1])).toBeNull();
  });

  it("agrees with brute force on random masks of every density, anisotropic spacing", () => {
    const random = randomNumbers(7);
    for (let trial = 0; trial < 120; trial++) {
      // tall enough that some slices have many queries per column, others few
      const shape = [6, 24, 6].map((most) => 1 + Math.floor(random() * most)) as unknown as Triple;
      const spacing = [0, 0, 0].map(() => 0.3 + 3 * random()) as unknown as Triple;
      const voxels = shape[0] * shape[1] * shape[2];
      const [p, q] = [random() ** 2, random() ** 2];
      const prediction = Uint8Array.from({ length: voxels }, () => Number(random() < p));
      const reference = Uint8Array.from({ length: voxels }, () => Number(random() < q));
      prediction[Math.floor(random() * voxels)] = 1;
      reference[Math.floor(random() * voxels)] = 1;
      const ours = surfaceDistances(prediction, reference, 1, shape, spacing)!;
      const exact = bruteForce(prediction, reference, shape, spacing);
      expect(Math.abs(ours.hd95 - exact.hd95), `hd95 of trial ${trial} [${shape}]`).toBeLessThan(1e-12);
      expect(Math.abs(ours.asd - exact.asd), `asd of trial ${trial} [${shape}]`).toBeLessThan(1e-12);
    }
  });

  it("refuses lengths and spacings that can't be", () => {
    const mask = new Uint8Array(8);
    expect(() => surfaceDistances(mask, mask, 1, [2, 2, 3], [1, 1, 1])).toThrow(/12 voxels, prediction 8/);
    expect(() => surfaceDistances(mask, mask, 1, [2, 2, 2], [1, 0, 1])).toThrow(/spacing/);
  });
});

describe("surfaceVoxels", () => {
  it("hollows a 3x3x3 cube, 26 voxels of 27, also where the cube is the whole volume", () => {
    const whole = (size: number) => ({ start: [0, 0, 0] as const, end: [size, size, size] as const });
    const inside = new Uint8Array(125);
    for (let d = 1; d < 4; d++)
      for (let h = 1; h < 4; h++) inside.fill(1, d * 25 + h * 5 + 1, d * 25 + h * 5 + 4);
    const count = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0);
    expect(count(surfaceVoxels(inside, 1, [5, 5, 5], whole(5)))).toBe(26);
    expect(count(surfaceVoxels(new Uint8Array(27).fill(1), 1, [3, 3, 3], whole(3)))).toBe(26);
  });
});
