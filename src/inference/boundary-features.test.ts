import { expect, it } from "vitest";
import { cat } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { Method } from "../methods/method.js";
import { resolveConfig } from "../training/config.js";
import type { ObservedRun } from "../training/observer.js";
import type { Triple } from "../volume/volume.js";
import { boundaryFeatures } from "./boundary-features.js";

const SHAPE: Triple = [16, 18, 20];

/** A block of class 1 away from the middle, so that the patch around it leaves the volume. */
const labels = Uint8Array.from({ length: 16 * 18 * 20 }, (_, i) => {
  const [z, y, x] = [Math.floor(i / (18 * 20)), Math.floor(i / 20) % 18, i % 20];
  return z >= 2 && z < 8 && y >= 10 && y < 15 && x >= 3 && x < 9 ? 1 : 0;
});

/** A method whose embedding is the image and the image plus 1, and whose projection is three times that. */
const method = (contrasts?: "projection"): Method => {
  const network = {
    training: true,
    evaluate: () => {},
    train: () => {},
    embed: (x: Tensor) => cat([x, x.add(1)], 1),
    features: (x: Tensor) => x.mul(3),
  };
  return { network, contrasts } as unknown as Method;
};

it.each([
  ["embedding", undefined, { 0: [0, 1], 1: [2, 3] }],
  ["projection", "projection", { 0: [0, 3], 1: [6, 9] }],
] as const)("are those of the voxels whose classes they bear, in the %s", (space, contrasts, expected) => {
  const grid = { shape: SHAPE, spacingMm: null, affine: null };
  const image = Float32Array.from(labels, (label) => 2 * label);
  const prepared = { id: "a", grid, storedGrid: grid, image, label: labels, region: null };
  const config = resolveConfig({ set: ["data.patchSize=[16,16,16]", "inference.stride=[8,8,8]"] });
  const run = { config, precision: "fp32" } as ObservedRun;
  const found = scope(() =>
    boundaryFeatures(method(contrasts), [{ prepared, labels, source: "labeled" }], run),
  );
  expect([found.space, found.prototypes]).toEqual([space, null]);
  expect(found.rows.length).toBeGreaterThan(100);
  expect(new Set(found.rows.map((row) => row.class))).toEqual(new Set([0, 1]));
  for (const row of found.rows) expect(row.feature).toEqual(expected[row.class as 0 | 1]);
});
