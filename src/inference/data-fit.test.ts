import { expect, it } from "vitest";
import type { Dataset } from "../data/dataset.js";
import { resolveConfig } from "../training/config.js";
import type { Triple } from "../volume/volume.js";
import { checkClasses, namesDoubt, spacingDoubt } from "./data-fit.js";
import type { Model } from "./model.js";

const model = (...set: string[]) => ({ config: resolveConfig({ set }) }) as Model;
const scans = (spacings: Record<string, Triple | null>) =>
  new Map(Object.entries(spacings).map(([id, spacingMm]) => [id, { spacingMm }]));
const doubt = (
  spacings: Record<string, Triple | null>,
  trained: Triple | null | undefined,
  ...set: string[]
) => spacingDoubt(scans(spacings), model(...set), trained === undefined ? {} : { medianSpacingMm: trained });

it("names scans of another voxel size than a run that does not resample was trained on", () => {
  const spacings: Record<string, Triple | null> = { a: [1, 1, 1], b: [3, 1, 1], c: [0.6, 1, 1], d: null };
  expect(doubt(spacings, [1, 1, 1])).toMatch(
    /^check: voxel sizes of b, c differ up to 3\.0-fold from those trained on \(1 x 1 x 1 mm\)/,
  );
});

it("has nothing to say of the same sizes along other axes, of a run that resamples, or where nothing is known", () => {
  expect(doubt({ a: [1, 1, 3] }, [3, 1, 1])).toBeNull();
  expect(doubt({ a: [3, 1, 1] }, [1, 1, 1], "data.spacingMm=[1,1,1]")).toBeNull();
  expect(doubt({ a: [3, 1, 1] }, null)).toBeNull();
  expect(doubt({ a: [3, 1, 1] }, undefined)).toBeNull();
  expect(doubt({ a: [1.49, 1, 1] }, [1, 1, 1])).toBeNull();
  expect(doubt({ a: [1.51, 1, 1] }, [1, 1, 1])).not.toBeNull();
});

it("refuses the classes of the run in another order, and says where they bear other names", () => {
  const trained = ["background", "anterior", "posterior"];
  const ours = { config: resolveConfig({ classes: 3 }), classNames: trained } as unknown as Model;
  const data = (...classNames: string[]) => ({ dir: "d", classNames }) as unknown as Dataset;
  const swapped = data("background", "posterior", "anterior");
  expect(() => checkClasses(swapped, ours)).toThrow(
    "d has classes background, posterior, anterior but the run was trained on background, anterior, posterior: bring",
  );
  expect(() => checkClasses(data("Background", "posterior", "anterior"), ours)).toThrow("into that order");
  for (const names of [trained, ["background", "head", "tail"]]) checkClasses(data(...names), ours);
  expect(namesDoubt(data(...trained), ours)).toBeNull();
  expect(namesDoubt(data("background", "head", "tail"), ours)).toMatch(
    /are head, tail, those of the run anterior, posterior/,
  );
});
