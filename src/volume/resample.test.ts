import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inverseMap, spacingMap } from "./axis-map.js";
import {
  resampleImage,
  resampleLabelMap,
  resampleLabels,
  resampleToLabels,
  resampleVolume,
} from "./resample.js";
import { type Grid, type Triple, voxelCount } from "./volume.js";

interface Reference {
  readonly shape: Triple;
  readonly spacing: Triple;
  readonly image: number[];
  readonly labels: number[];
  readonly cases: readonly {
    readonly spacing: Triple;
    readonly shape: Triple;
    readonly linear: number[];
    readonly cubic: number[];
    readonly oneHot: number[];
    /** 1 where the first class leads clearly. */
    readonly clear: number[];
  }[];
}
const reference = JSON.parse(
  readFileSync(new URL("../../test/fixtures/resample/scipy.json", import.meta.url), "utf8"),
) as Reference;
const gridOf = (shape: Triple, [d, h, w]: Triple, origin = [0, 0, 0]): Grid => ({
  shape,
  spacingMm: [d, h, w],
  affine: [-w, 0, 0, origin[0]!, 0, -h, 0, origin[1]!, 0, 0, d, origin[2]!, 0, 0, 0, 1],
});
const furthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe.each(reference.cases)("beside scipy, to $spacing mm", (expected) => {
  const { shape, spacing } = reference;
  const map = spacingMap(gridOf(shape, spacing), expected.spacing);
  it("has scipy's shape", () => expect(map.shape).toEqual(expected.shape));

  it.each(["linear", "cubic"] as const)("%s within 2e-6", (interpolation) => {
    const got = resampleImage(Float32Array.from(reference.image), shape, map, interpolation);
    expect(got.length).toBe(expected[interpolation].length);
    expect(furthest(got, expected[interpolation])).toBeLessThan(2e-6);
  });

  it("labels, one-hot linear, wherever one class leads", () => {
    const got = resampleLabels(Uint8Array.from(reference.labels), shape, map, "one-hot-linear");
    const clear = expected.clear.flatMap((is, i) => (is ? [i] : []));
    expect(clear.length).toBeGreaterThan(expected.clear.length / 2);
    expect(clear.map((i) => got[i])).toEqual(clear.map((i) => expected.oneHot[i]));
  });
});

/** A field that varies slowly against both spacings: about two waves of 40 mm over the volume. */
function smooth(shape: Triple, [d, h, w]: Triple): Float32Array {
  const data = new Float32Array(voxelCount(shape));
  let i = 0;
  for (let z = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[2]; x++)
        data[i++] =
          Math.sin((z + 0.5) * d * 0.15) + Math.cos((y + 0.5) * h * 0.12) + Math.sin((x + 0.5) * w * 0.1);
  return data;
}

describe("there and back", () => {
  const shape: Triple = [24, 40, 48];
  const grid = gridOf(shape, [3, 1, 1.25], [10, -20, 7]);
  const image = smooth(shape, [3, 1, 1.25]);

  it.each<[string, "linear" | "cubic", Triple, number]>([
    ["linear, to 1.5 mm", "linear", [1.5, 1.5, 1.5], 0.06],
    ["cubic, to 1.5 mm", "cubic", [1.5, 1.5, 1.5], 0.01],
    ["cubic, to thick slices", "cubic", [5, 2, 2], 0.06],
  ])("a smooth field, %s", (_, interpolation, spacing, tolerance) => {
    const there = spacingMap(grid, spacing);
    const middle = resampleImage(image, shape, there, interpolation);
    const again = resampleImage(middle, there.shape, inverseMap(there, shape), interpolation);
    const inside: number[] = [];
    for (let z = 3; z < 21; z++)
      for (let y = 3; y < 37; y++)
        for (let x = 3; x < 45; x++) {
          const i = (z * 40 + y) * 48 + x;
          inside.push(Math.abs(image[i]! - again[i]!));
        }
    expect(Math.max(...inside)).toBeLessThan(tolerance);
    expect(Math.max(...inside)).toBeGreaterThan(0);
  });

  it("the same values as the field has at the new places", () => {
    const map = spacingMap(grid, [1.5, 1.5, 1.5]);
    const got = resampleImage(image, shape, map, "cubic");
    const truth = smooth(map.shape, [1.5, 1.5, 1.5]);
    const [h, w] = [map.shape[1], map.shape[2]];
    let most = 0;
    for (let z = 8; z < map.shape[0] - 8; z++)
      for (let y = 8; y < h - 8; y++)
        for (let x = 8; x < w - 8; x++) {
          const i = (z * h + y) * w + x;
          most = Math.max(most, Math.abs(got[i]! - truth[i]!));
        }
    expect(most).toBeLessThan(0.005);
  });
});

describe("labels", () => {
  const shape: Triple = [1, 1, 4];
  const map = { shape: [1, 1, 8] as Triple, origin: [0, 0, -0.25] as Triple, step: [1, 1, 0.5] as Triple };

  it("nearest doubles every voxel", () => {
    expect([...resampleLabels(Uint8Array.of(0, 7, 7, 2), shape, map, "nearest")]).toEqual([
      0, 0, 7, 7, 7, 7, 2, 2,
    ]);
  });

  it("one-hot linear makes no class between two others", () => {
    expect([...resampleLabels(Uint8Array.of(0, 2, 0, 0), shape, map, "one-hot-linear")]).toEqual([
      0, 0, 2, 2, 0, 0, 0, 0,
    ]);
  });

  it("probabilities first, then the class: a weak neighbour loses to a strong one", () => {
    const probabilities = Float32Array.of(0.9, 0.45, 0.45, 0.45, 0.1, 0.55, 0.55, 0.55);
    // at 0.25 towards the second voxel: 0.7875 and 0.2125; at 0.75: 0.5625 and 0.4375
    expect([...resampleToLabels(probabilities, 2, shape, map)]).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
  });
});

describe("onto a grid", () => {
  const grid = gridOf([2, 3, 4], [2, 1, 1], [5, 6, 7]);
  const data = Float32Array.from({ length: 24 }, (_, i) => i);

  it("follows the affine: a grid shifted by one voxel shows the next one", () => {
    const shifted = { ...grid, affine: grid.affine!.map((value, i) => (i === 3 ? value - 1 : value)) };
    const moved = resampleVolume({ grid, data }, shifted, "linear");
    expect([...moved.data.subarray(0, 4)]).toEqual([1, 2, 3, 3]);
    expect(moved.grid).toBe(shifted);
    const labels = resampleLabelMap({ grid, data: Uint8Array.from(data) }, shifted, "nearest");
    expect([...labels.data.subarray(4, 8)]).toEqual([5, 6, 7, 7]);
  });

  it("refuses turned axes and a grid without a place", () => {
    const mirrored = { ...grid, affine: grid.affine!.map((value, i) => (i === 0 ? -value : value)) };
    expect(() => resampleVolume({ grid, data }, mirrored, "linear")).toThrow(/different axes/);
    expect(() => resampleVolume({ grid, data }, { ...grid, affine: null }, "linear")).toThrow(/no place/);
    expect(() => spacingMap({ ...grid, spacingMm: null }, [1, 1, 1])).toThrow(/no voxel size/);
  });
});
