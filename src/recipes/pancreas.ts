import { basename, dirname, relative } from "node:path";
import type { CaseFiles } from "../data/dataset.js";
import { badInput } from "../errors.js";
import type { PartialConfig } from "../training/config.js";
import { PANCREAS_CT } from "../training/presets.js";
import { labelOrientations } from "./label-orientation.js";
import { filesBelow, split } from "./raw-files.js";
import type { RawOptions, RawSet, Recipe } from "./recipe.js";

/** Withdrawn by the owners in version 2: case 70 is case 25. */
const LEFT_OUT = new Set([25, 70]);
const TEST_CASES = 20;
const ALL_CASES = 80;

/** CT of an abdomen as the paper prepares it. */
export const ABDOMEN: PartialConfig = {
  data: {
    windowHu: [-125, 275],
    spacingMm: [1, 1, 1],
    imageInterpolation: "linear",
    crop: "label-box",
    cropMargin: [25, 25, 25],
    normalization: "z-score",
    normalizeOver: "crop",
    patchSize: [96, 96, 96],
  },
};

const numberIn = (path: string, pattern: RegExp): number | null => {
  const found = pattern.exec(path)?.[1];
  return found === undefined ? null : Number(found);
};

async function casesIn(raw: string, allowLinks: boolean): Promise<CaseFiles[]> {
  const files = await filesBelow(raw, allowLinks);
  const series = new Map<number, string>();
  const labels = new Map<number, string>();
  for (const path of files) {
    const label = numberIn(basename(path), /^label(\d{4})\.nii(?:\.gz)?$/i);
    if (label !== null) labels.set(label, path);
    const image = numberIn(relative(raw, path), /PANCREAS_(\d{4})/i);
    if (image === null || !/\.dcm$/i.test(path)) continue;
    const [folder, other] = [dirname(path), series.get(image)];
    if (other !== undefined && other !== folder)
      throw badInput(
        `${folder}: is a second series of case ${image}, beside ${other}; leave one of them in ${raw}`,
      );
    series.set(image, folder);
  }
  const numbers = [...series.keys()].filter((n) => !LEFT_OUT.has(n)).sort((a, b) => a - b);
  if (numbers.length === 0)
    throw badInput(
      `${raw}: holds no PANCREAS_<number>/…/*.dcm; expected Pancreas-CT as The Cancer Imaging Archive hands it out`,
    );
  return numbers.map((n) => {
    const id = `pancreas_${String(n).padStart(4, "0")}`;
    const labelPath = labels.get(n) ?? null;
    if (!labelPath)
      throw badInput(
        `${raw}: has images of case ${n} but no label${String(n).padStart(4, "0")}.nii.gz; put the labels' folder below it`,
      );
    return { id, imagePath: series.get(n)!, labelPath };
  });
}

async function find(raw: string, { testIds, cache, allowLinks, onLook }: RawOptions): Promise<RawSet> {
  const cases = await casesIn(raw, allowLinks);
  const { reversed, notes } = await labelOrientations(cases, cache, onLook);
  const forTest =
    cases.length === ALL_CASES ? TEST_CASES : Math.round((cases.length * TEST_CASES) / ALL_CASES);
  return {
    name: "Pancreas-CT",
    channelNames: ["CT"],
    classNames: ["background", "pancreas"],
    reference: PANCREAS_CT,
    members: split(cases, testIds, forTest),
    repair: { classOf: { 0: 0, 1: 1 }, reversed: null },
    repairOf: (repair, id) => ({ ...repair, reversed: reversed.get(id)! }),
    config: ABDOMEN,
    notes: [
      "cases 25 and 70 are left out",
      ...notes,
      ...(testIds
        ? []
        : [
            "test cases: the last quarter by number (60 and 20 of all 80); other lists can be named by --test-list",
          ]),
    ],
  };
}

/** Pancreas-CT as the paper prepares it: [-125, 275] HU, 1 mm, 25 voxels around the label, z-score. */
export const pancreas: Recipe = {
  summary: "NIH Pancreas-CT: DICOM series and label<number>.nii.gz, cropped around the label",
  preset: "pancreas",
  find,
};
