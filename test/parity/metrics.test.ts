import { expect, it } from "vitest";
import { overlap } from "../../src/metrics/overlap.js";
import { surfaceDistances } from "../../src/metrics/surface-distance.js";
import type { Triple } from "../../src/volume/volume.js";
import { describeGolden } from "./golden.js";

describeGolden("metrics", (golden) => {
  const pairs = golden.names().flatMap((name) => /^(.+)\.prediction$/.exec(name)?.[1] ?? []);

  it.each(pairs)("pair %s: Dice, Jaccard, 95HD and ASD", (pair) => {
    const map = (name: string) => golden.raw(`${pair}.${name}`).data as Uint8Array;
    const [prediction, reference] = [map("prediction"), map("reference")];
    const shape = golden.raw(`${pair}.prediction`).shape as unknown as Triple;
    const spacing = golden.values(`${pair}.spacing`) as unknown as Triple;
    const { dice, jaccard } = overlap(prediction, reference, 1);
    const { hd95, asd } = surfaceDistances(prediction, reference, 1, shape, spacing)!;
    const expected = golden.values(`${pair}.dice_jaccard_hd95_asd`);
    for (const [i, value] of [dice, jaccard, hd95, asd].entries())
      expect(Math.abs(value - expected[i]!), `number ${i}`).toBeLessThan(1e-9);
  });

  it("has pairs", () => expect(pairs.length).toBeGreaterThan(0));
});
