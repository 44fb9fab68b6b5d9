import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { sha256OfText } from "../data/content-hash.js";
import { checkDistinct } from "../data/inside.js";
import { seeded } from "../data/random.js";
import { badInput } from "../errors.js";
import { LEFT_ATRIUM } from "../training/presets.js";
import type { Triple } from "../volume/volume.js";
import { filesBelow, split } from "./raw-files.js";
import type { RawOptions, RawSet, Recipe } from "./recipe.js";

/** The paper's patch; a crop has at least its size. */
const PATCH: Triple = [80, 112, 112];
/** Voxels around it in the axial plane, drawn for each case. */
const [LEAST_MARGIN, MOST_MARGIN] = [10, 20];
const TEST_SHARE = 0.2;

async function find(raw: string, { testIds, allowLinks }: RawOptions): Promise<RawSet> {
  const training = join(raw, "Training Set");
  const images = (await filesBelow(existsSync(training) ? training : raw, allowLinks)).filter(
    (path) => basename(path) === "lgemri.nrrd",
  );
  if (images.length === 0)
    throw badInput(
      `${raw}: holds no lgemri.nrrd; expected the 2018 challenge's folders <case>/lgemri.nrrd with laendo.nrrd`,
    );
  const cases = images.map((imagePath) => {
    const label = join(dirname(imagePath), "laendo.nrrd");
    return { id: basename(dirname(imagePath)), imagePath, labelPath: existsSync(label) ? label : null };
  });
  checkDistinct(cases);
  const bare = cases.find(({ labelPath }) => labelPath === null);
  if (bare) throw badInput(`${bare.imagePath}: has no laendo.nrrd beside it, which its crop is taken from`);
  return {
    name: "Left atrium, LGE-MRI",
    channelNames: ["MRI"],
    classNames: ["background", "left atrium"],
    reference: LEFT_ATRIUM,
    members: split(cases, testIds, Math.round(TEST_SHARE * cases.length)),
    repair: { classOf: { 0: 0, 255: 1 }, reversed: null },
    config: {
      data: { normalization: "z-score", normalizeOver: "volume", crop: "label-box", patchSize: [...PATCH] },
    },
    perCase: (options, id) => {
      const random = seeded(Number.parseInt(sha256OfText(id).slice(0, 8), 16));
      const draw = () => LEAST_MARGIN + random.below(MOST_MARGIN - LEAST_MARGIN + 1);
      const margin: Triple = [0, draw(), draw()];
      const [d, h, w] = PATCH;
      return { ...options, cropMargin: margin, cropAtLeast: [d, h + 2 * margin[1], w + 2 * margin[2]] };
    },
    notes: testIds
      ? []
      : ["test cases: the last fifth by name; the published lists of 80 and 20 can be named by --test-list"],
  };
}

/** The left atrium as the paper prepares it: z-score of the whole volume, then the label's box with a margin. */
export const leftAtrium: Recipe = {
  summary: "2018 Atrial Segmentation Challenge: <case>/lgemri.nrrd and laendo.nrrd, cropped around the label",
  preset: "la",
  find,
};
