import { describe, expect, it } from "vitest";
import type { Triple } from "../volume/volume.js";
import { type BatchOptions, makeBatch } from "./batch.js";
import type { PreparedCase } from "./prepare.js";

/** Voxel i holds first + i, its class is (first + i) % 5, and it is in the region where that isn't 0. */
function countingCase(id: string, shape: Triple, first = 1): PreparedCase {
  const image = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => first + i);
  const label = Uint8Array.from(image, (value) => value % 5);
  const region = Uint8Array.from(label, (value) => (value === 0 ? 0 : 1));
  const grid = { shape, spacingMm: null, affine: null };
  return { id, grid, storedGrid: grid, image, label, region };
}

const whole = (
  prepared: PreparedCase,
  patchSize: Triple,
  more: Partial<BatchOptions> = {},
): BatchOptions => ({
  labeled: [prepared],
  unlabeled: [],
  patchSize,
  labeledPerBatch: 1,
  unlabeledPerBatch: 0,
  augment: { rotate90: false, flip: false },
  seed: 1,
  ...more,
});

const rich = (): BatchOptions => ({
  labeled: [countingCase("a", [5, 6, 7]), countingCase("b", [4, 9, 5], 1001)],
  unlabeled: [countingCase("c", [6, 6, 6], 2001), countingCase("d", [7, 5, 8], 3001)],
  patchSize: [3, 4, 2],
  labeledPerBatch: 2,
  unlabeledPerBatch: 3,
  augment: { rotate90: true, flip: true },
  seed: 42,
});

describe("makeBatch of slices", () => {
  const prepared = countingCase("a", [5, 6, 7]);
  /** The image of a case with a second channel, which is the first plus 10,000. */
  const two = {
    ...prepared,
    image: Float32Array.from([...prepared.image, ...prepared.image.map((v) => v + 1e4)]),
  };
  const options = (neighbours: number, channels: number): BatchOptions => ({
    ...whole(channels === 1 ? prepared : two, [1, 4, 3], { augment: { rotate90: true, flip: true } }),
    neighbours,
    channels,
  });

  it("brings the slices on either side as channels, the same place in each, the ends again beyond them", () => {
    const seen = new Set<number>();
    for (let i = 0; i < 60; i++) {
      const plain = makeBatch(options(0, 1), i);
      const { images, channels, labels } = makeBatch(options(2, 2), i);
      expect(channels).toBe(10);
      expect(labels).toEqual(plain.labels);
      const slice = Math.floor((plain.images[0]! - 1) / 42);
      seen.add(slice);
      for (let c = 0; c < 2; c++)
        for (let k = 0; k < 5; k++) {
          const there = Math.min(4, Math.max(0, slice - 2 + k));
          const expected = plain.images.map((v) => v + 42 * (there - slice) + 1e4 * c);
          expect(images.subarray((c * 5 + k) * 12, (c * 5 + k + 1) * 12)).toEqual(expected);
        }
    }
    expect(seen).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});

describe("makeBatch", () => {
  it("gives the volume itself for a patch of its size", () => {
    const prepared = countingCase("a", [2, 3, 4]);
    const batch = makeBatch(whole(prepared, [2, 3, 4]), 0);
    expect(batch.images).toEqual(prepared.image);
    expect(batch.labels).toEqual(prepared.label);
    expect(batch.region).toEqual(prepared.region);
    expect(batch).toMatchObject({ iteration: 0, labeled: 1, caseIds: ["a"], patchSize: [2, 3, 4] });
  });

  it("crops a box: steps between voxels are the volume's", () => {
    const { images } = makeBatch(whole(countingCase("a", [4, 5, 6]), [2, 2, 3]), 3);
    const first = images[0]!;
    const want = [0, 1, 2, 6, 7, 8, 30, 31, 32, 36, 37, 38].map((step) => first + step);
    expect([...images]).toEqual(want);
  });

  it("centers a smaller volume in zeros: image 0, class 0, outside the region", () => {
    const { images, labels, region } = makeBatch(whole(countingCase("a", [1, 2, 2]), [1, 4, 3]), 0);
    // room of 2 in H puts one row before; room of 1 in W goes behind
    expect([...images]).toEqual([0, 0, 0, 1, 2, 0, 3, 4, 0, 0, 0, 0]);
    expect([...labels]).toEqual([0, 0, 0, 1, 2, 0, 3, 4, 0, 0, 0, 0]);
    expect([...region]).toEqual([0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0]);
  });

  it("counts every voxel but the padding in where the case has no region", () => {
    const prepared = { ...countingCase("a", [1, 2, 2]), region: null };
    expect([...makeBatch(whole(prepared, [1, 2, 3]), 0).region]).toEqual([1, 1, 0, 1, 1, 0]);
  });

  it("keeps image, label and region together under every crop, turn and flip", () => {
    const options = rich();
    const voxels = 24;
    for (let iteration = 0; iteration < 50; iteration++) {
      const { images, labels, region } = makeBatch(options, iteration);
      expect([images.length, labels.length, region.length]).toEqual([5 * voxels, 2 * voxels, 5 * voxels]);
      expect(images.every((value) => value > 0)).toBe(true);
      expect(labels.every((value, i) => value === images[i]! % 5)).toBe(true);
      expect(region.every((value, i) => value === (images[i]! % 5 === 0 ? 0 : 1))).toBe(true);
    }
  });

  it("turns the volume before it crops: a flat case fills a tall patch only lying", () => {
    const options = whole(countingCase("a", [1, 2, 6]), [1, 6, 2], {
      augment: { rotate90: true, flip: false },
    });
    const filled = Array.from({ length: 40 }, (_, i) =>
      makeBatch(options, i).images.every((value) => value > 0),
    );
    expect(new Set(filled)).toEqual(new Set([true, false]));
  });

  it("puts labeled patches first, each from its own stream", () => {
    for (let iteration = 0; iteration < 20; iteration++) {
      const { caseIds } = makeBatch(rich(), iteration);
      expect([...caseIds.slice(0, 2)].sort()).toEqual(["a", "b"]);
      expect(caseIds.slice(2).every((id) => id === "c" || id === "d")).toBe(true);
    }
  });

  it("follows from seed and iteration alone", () => {
    const later = makeBatch(rich(), 17);
    for (let iteration = 0; iteration < 17; iteration++) makeBatch(rich(), iteration);
    expect(makeBatch(rich(), 17)).toEqual(later);
    expect(makeBatch(rich(), 18).images).not.toEqual(later.images);
    expect(makeBatch({ ...rich(), seed: 43 }, 17).images).not.toEqual(later.images);
  });
});
