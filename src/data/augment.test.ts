import { describe, expect, it } from "vitest";
import type { Triple } from "../volume/volume.js";
import {
  flipH,
  flipW,
  orient,
  randomCropOrigin,
  randomOrientation,
  turn,
  type View,
  viewOf,
} from "./augment.js";
import { seeded } from "./random.js";

/** Indices a view shows, in its own [D, H, W] order. */
function seen({ shape: [d, h, w], offset, strides: [sd, sh, sw] }: View): number[] {
  const out: number[] = [];
  for (let i = 0; i < d; i++)
    for (let j = 0; j < h; j++) for (let k = 0; k < w; k++) out.push(offset + i * sd + j * sh + k * sw);
  return out;
}
const flat = viewOf([1, 2, 3]); // 0 1 2 / 3 4 5
const box = viewOf([2, 3, 4]);

describe("views", () => {
  it("turns as numpy's rot90 does", () => {
    expect(turn(flat).shape).toEqual([1, 3, 2]);
    expect(seen(turn(flat))).toEqual([2, 5, 1, 4, 0, 3]);
  });

  it("mirrors one axis", () => {
    expect(seen(flipH(flat))).toEqual([3, 4, 5, 0, 1, 2]);
    expect(seen(flipW(flat))).toEqual([2, 1, 0, 5, 4, 3]);
  });

  it("four turns, and two flips, are the identity", () => {
    expect(turn(turn(turn(turn(box))))).toEqual(box);
    expect(flipH(flipH(box))).toEqual(box);
    expect(flipW(flipW(box))).toEqual(box);
  });

  it("two turns are both flips", () => {
    expect(seen(orient(box, { turns: 2, flipH: false, flipW: false }))).toEqual(
      seen(orient(box, { turns: 0, flipH: true, flipW: true })),
    );
  });

  it("orients by turning first: a turn, then a mirrored H, is the transpose", () => {
    expect(seen(orient(flat, { turns: 1, flipH: true, flipW: false }))).toEqual([0, 3, 1, 4, 2, 5]);
  });
});

describe("randomOrientation", () => {
  const distinct = (rotate90: boolean, flip: boolean) =>
    new Set(
      Array.from({ length: 200 }, (_, seed) =>
        seen(orient(viewOf([1, 3, 3]), randomOrientation({ rotate90, flip }, seeded(seed)))).join(),
      ),
    ).size;

  it("reaches exactly the orientations that are switched on", () => {
    expect([
      distinct(false, false),
      distinct(true, false),
      distinct(false, true),
      distinct(true, true),
    ]).toEqual([1, 4, 4, 8]);
  });
});

describe("randomCropOrigin", () => {
  const origins = (size: Triple, patch: Triple) =>
    Array.from({ length: 300 }, (_, seed) => randomCropOrigin(size, patch, seeded(seed)));

  it("reaches every place inside and none outside", () => {
    const along = origins([5, 2, 9], [3, 2, 2]);
    expect([...new Set(along.map(([d]) => d))].sort()).toEqual([0, 1, 2]);
    expect(new Set(along.map(([, h]) => h))).toEqual(new Set([0]));
    expect([...new Set(along.map(([, , w]) => w))].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("centers a volume that is smaller", () => {
    expect(new Set(origins([3, 4, 4], [6, 4, 6]).map(String))).toEqual(new Set(["-1,0,-1"]));
  });
});
