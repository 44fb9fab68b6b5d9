import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { openDataset } from "./dataset.js";
import { meanAndDeviation } from "./normalize.js";
import { type PrepareOptions, prepareCase } from "./prepare.js";

/** Public sets beside the project, not part of it. */
const DATA = resolve(import.meta.dirname, "../../../shared/data");
const at = (name: string) => join(DATA, name);
const has = (name: string) => existsSync(at(name));
const title = (name: string) => (has(name) ? name : `${name} (skipped: no ${at(name)})`);

const ZSCORE: PrepareOptions = { classes: 2, normalization: "z-score", regionMask: "positive" };

describe.skipIf(!has("hippocampus"))(title("hippocampus"), () => {
  it("has 170 training and 30 test cases with labels", async () => {
    const { labeled, unlabeled, test, classNames, layout } = await openDataset(at("hippocampus"));
    expect([labeled.length, unlabeled.length, test.length]).toEqual([170, 0, 30]);
    expect(test.every(({ labelPath }) => labelPath?.includes("labelsTs"))).toBe(true);
    expect(classNames).toEqual(["background", "anterior", "posterior"]);
    expect(layout).toBe("decathlon");
    expect(labeled[0]!.id).toBe("hippocampus_003");
  });

  it("prepares every case, also where labels are stored as floats, and finds three classes", async () => {
    const { labeled, test } = await openDataset(at("hippocampus"), { labeled: 17 });
    const cases = [...labeled, ...test];
    expect(cases.length).toBe(47);
    for (const files of cases) {
      const { label, image } = await prepareCase(files, { ...ZSCORE, classes: 3, regionMask: "all" });
      expect([...new Set(label)].sort()).toEqual([0, 1, 2]);
      const { mean, deviation } = meanAndDeviation(image, null);
      expect(mean).toBeCloseTo(0, 4);
      expect(deviation).toBeCloseTo(1, 4);
    }
  });
});

describe.skipIf(!has("la-half"))(title("la-half"), () => {
  it("has 80 training and 6 test cases; 16 labels leave 64 unlabeled", async () => {
    const all = await openDataset(at("la-half"));
    expect([all.labeled.length, all.unlabeled.length, all.test.length]).toEqual([80, 0, 6]);
    const few = await openDataset(at("la-half"), { labeled: 16 });
    expect([few.labeled.length, few.unlabeled.length]).toEqual([16, 64]);
    expect(few.labeled.at(-1)!.id).toBe("la_015");
    expect(few.unlabeled.every(({ labelPath }) => labelPath === null)).toBe(true);
    expect(few.test.every(({ labelPath }) => labelPath !== null)).toBe(true);
  });

  it("refuses 81 labels, naming both numbers", async () => {
    await expect(openDataset(at("la-half"), { labeled: 81 })).rejects.toThrow(
      /81 labeled.*only 80 of the 80/,
    );
  });

  it("prepares a case on its stored grid", async () => {
    const { labeled } = await openDataset(at("la-half"), { labeled: 1 });
    const { grid, image, label, region } = await prepareCase(labeled[0]!, ZSCORE);
    expect(grid.shape).toEqual([44, 70, 91]);
    expect(grid.spacingMm).toEqual([1.25, 1.25, 1.25]);
    expect([image.length, label!.length, region!.length]).toEqual([280280, 280280, 280280]);
    expect(image.buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe.skipIf(!has("la"))(title("la"), () => {
  it("has 10 training and 2 test cases and the first is 183 x 140 x 88", async () => {
    const { labeled, unlabeled, test, layout } = await openDataset(at("la"));
    expect([labeled.length, unlabeled.length, test.length, layout]).toEqual([10, 0, 2, "la-h5"]);
    const first = labeled.find(({ id }) => id.startsWith("06SR"))!;
    const { grid, label } = await prepareCase(first, { ...ZSCORE, regionMask: "all" });
    expect(grid).toEqual({ shape: [88, 140, 183], spacingMm: null, affine: null });
    expect([...new Set(label)].sort()).toEqual([0, 1]);
  });
});
