import { expect, it } from "vitest";
import { overlap } from "../../src/metrics/overlap.js";
import { surfaceDistances } from "../../src/metrics/surface-distance.js";
import type { Triple } from "../../src/volume/volume.js";
import { describeGolden } from "./golden.js";

describeGolden("metrics", (golden) => {
  const pairs = golden.names().flatMap((name) => /^(.+)\.prediction$/.exec(name)?.[1] ?? []);

  it.each(pairs)("pair %s: Dice, Jaccard, 95HD and ASD", (pair) => {
    const map = (name: string) =>
      Uint8Array.from(golden.values(`${pair}.${name}`), (label) => Number(label !== 0));
    const [prediction, reference] = [map("prediction"), map("reference")];
    const shape = golden.raw(`${pair}.prediction`).shape as unknown as Triple;
    const spacing = golden.values(`${pair}.spacing`) as unknown as Triple;
    const { dice, jaccard } = overlap(prediction, reference, 1);
    const distances = surfaceDistances(prediction, reference, 1, shape, spacing);
    const expected = golden.values(`${pair}.dice_jaccard_hd95_asd`);
    // the published script's distance of 0 where there is no surface is not ours
    expect(distances === null).toBe(!prediction.includes(1) || !reference.includes(1));
    for (const [i, value] of [dice, jaccard, ...(distances ? [distances.hd95, distances.asd] : [])].entries())
      expect(Math.abs(value - expected[i]!), `number ${i}`).toBeLessThan(1e-9);
  });

  it("has pairs", () => expect(pairs.length).toBeGreaterThan(0));
});
