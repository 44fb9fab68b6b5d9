import { basename, dirname } from "node:path";
import type { CaseFiles } from "../data/dataset.js";
import { type LabelRepair, repaired } from "../data/label-repair.js";
import { readCase } from "../data/read-case.js";
import { badInput } from "../errors.js";
import type { PartialConfig } from "../training/config.js";
import { filesBelow, split } from "./raw-files.js";
import type { RawSet, Recipe } from "./recipe.js";

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

async function casesIn(raw: string): Promise<CaseFiles[]> {
  const files = await filesBelow(raw);
  const series = new Map<number, string>();
  const labels = new Map<number, string>();
  for (const path of files) {
    const label = numberIn(basename(path), /^label(\d{4})\.nii(?:\.gz)?$/i);
    if (label !== null) labels.set(label, path);
    const image = numberIn(path, /PANCREAS_(\d{4})/i);
    if (image !== null && /\.dcm$/i.test(path)) series.set(image, dirname(path));
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

const ORIENTATIONS: readonly (readonly [string, NonNullable<LabelRepair["reversed"]>])[] = [
  ["as the slices lie", [false, false, false]],
  ["rows reversed", [false, true, false]],
  ["slices reversed", [true, false, false]],
  ["rows and slices reversed", [true, true, false]],
];
/** A pancreas lies in soft tissue. */
const TISSUE_HU = [-30, 200] as const;
const LOOKED_AT = 5;
const LEAST_SHARE = 0.7;

/**
 * How the labels lie on the images: their headers do not say it right. Of the ways to mirror them, the one that puts
 * most labeled voxels of the first cases on soft tissue. Bad input: none does.
 */
async function orientationOf(cases: readonly CaseFiles[]) {
  const shares = ORIENTATIONS.map(() => 0);
  const looked = cases.slice(0, LOOKED_AT);
  for (const files of looked) {
    const raw = await readCase(files);
    for (const [i, [, reversed]] of ORIENTATIONS.entries()) {
      const { channels, label } = repaired(raw, { classOf: null, reversed }, files.labelPath!);
      const image = channels[0]!;
      let [inside, tissue] = [0, 0];
      for (let v = 0; v < image.length; v++) {
        if (label!.data[v] === 0) continue;
        inside++;
        if (image[v]! >= TISSUE_HU[0] && image[v]! <= TISSUE_HU[1]) tissue++;
      }
      shares[i]! += inside === 0 ? 0 : tissue / inside / looked.length;
    }
  }
  const best = shares.indexOf(Math.max(...shares));
  const said = ORIENTATIONS.map(([name], i) => `${name} ${(100 * shares[i]!).toFixed(0)} %`).join(", ");
  if (shares[best]! < LEAST_SHARE)
    throw badInput(
      `${looked[0]!.labelPath}: no way to lay the labels on the images puts ${100 * LEAST_SHARE} % of them on soft tissue (${said}); are these the images' labels?`,
    );
  const [name, reversed] = ORIENTATIONS[best]!;
  return {
    reversed,
    note: `labels are laid on the images ${name}: on soft tissue are, by orientation, ${said}`,
  };
}

async function find(raw: string, testIds: readonly string[] | null): Promise<RawSet> {
  const cases = await casesIn(raw);
  const { reversed, note } = await orientationOf(cases);
  const forTest =
    cases.length === ALL_CASES ? TEST_CASES : Math.round((cases.length * TEST_CASES) / ALL_CASES);
  return {
    name: "Pancreas-CT",
    channelNames: ["CT"],
    classNames: ["background", "pancreas"],
    reference:
      "Roth HR et al. Data from Pancreas-CT. The Cancer Imaging Archive, 2016. doi:10.7937/K9/TCIA.2016.tNB1kqBU",
    members: split(cases, testIds, forTest),
    repair: { classOf: { 0: 0, 1: 1 }, reversed },
    config: ABDOMEN,
    notes: [
      "cases 25 and 70 are left out",
      note,
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
  find: (raw, { testIds }) => find(raw, testIds),
};
