import { expect, it } from "vitest";
import { slidingWindow } from "../../src/inference/sliding-window.js";
import { type Triple, voxelCount } from "../../src/volume/volume.js";
import { describeGolden, differences, largest, unlikelyLabels } from "./golden.js";
import { networkLike } from "./golden-network.js";

/** Scores whose classes are closer than rounding leave the class open. */
const TIE = 1e-5;

describeGolden("sliding_window", (golden) => {
  const network = networkLike(golden, "state").evaluate();
  const volumes = golden.names().flatMap((name) => /^(\d+)\.volume$/.exec(name)?.[1] ?? []);

  it.each(volumes)("volume %s: scores and label map of the published evaluation", (volume) => {
    const { shape, data } = golden.raw(`${volume}.volume`);
    const [xy, z] = golden.values(`${volume}.stride_xy_z`);
    const scores = slidingWindow(
      data as Float32Array,
      shape as unknown as Triple,
      (patch) => network.meanLogits(network.embed(patch)).softmax(1),
      {
        patchSize: golden.values(`${volume}.patch`) as unknown as Triple,
        stride: [xy!, xy!, z!], // axes in the order given
        device: "cpu",
      },
    );
    const expected = golden.raw(`${volume}.scores`);
    expect(scores.shape).toEqual([...expected.shape]);
    const actual = scores.toFloat32Array();
    // relative to how much the scores vary: nearly constant ones would agree with anything
    const spread = range(expected.data as Float32Array);
    expect(largest(differences(actual, expected.data as Float32Array))).toBeLessThan(
      Math.min(1e-5, 1e-3 * spread),
    );

    const published = golden.raw(`${volume}.label_map`).data as Uint8Array;
    expect(published.length).toBe(voxelCount(shape as unknown as Triple));
    // each label map against the other's scores
    expect(unlikelyLabels(actual, published, TIE)).toEqual([]);
    expect(unlikelyLabels(expected.data as Float32Array, scores.argmax(0).toUint8Array(), TIE)).toEqual([]);
  });
});

const range = (x: Float32Array): number =>
  x.reduce((max, p) => Math.max(max, p)) - x.reduce((min, p) => Math.min(min, p));
