import { expect, it } from "vitest";
import { slidingWindow } from "../../src/inference/sliding-window.js";
import type { Triple } from "../../src/volume/volume.js";
import { describeGolden } from "./golden.js";
import { networkLike } from "./golden-network.js";

/** Scores whose classes are closer than rounding leave the class open. */
const TIE = 1e-5;

describeGolden("sliding_window", (golden) => {
  const network = networkLike(golden, golden.metadata.normalization!)
    .loadState(golden.state("state"))
    .evaluate();
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
    expect(
      actual.reduce((max, p) => Math.max(max, p)) - actual.reduce((min, p) => Math.min(min, p)),
    ).toBeGreaterThan(0.1);
    expect(largestDifference(actual, expected.data as Float32Array)).toBeLessThan(1e-5);

    const labels = scores.argmax(0).toUint8Array();
    const published = golden.raw(`${volume}.label_map`).data as Uint8Array;
    const isTie = (i: number) => Math.abs(actual[i]! - actual[i + labels.length]!) <= TIE;
    const wrong = Array.from(labels.keys()).filter((i) => labels[i] !== published[i] && !isTie(i));
    expect(wrong).toEqual([]);
  });
});

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
