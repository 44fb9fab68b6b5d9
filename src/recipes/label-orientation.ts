import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { contentOf } from "../data/case-cache.js";
import { sha256OfText } from "../data/content-hash.js";
import type { CaseFiles } from "../data/dataset.js";
import { checkSameShape, type LabelRepair } from "../data/label-repair.js";
import { readCase } from "../data/read-case.js";
import { badInput } from "../errors.js";
import { makeDirectories } from "../files/directory.js";
import { writeText } from "../files/whole-file.js";

type Reversed = NonNullable<LabelRepair["reversed"]>;

/** Ways to lay a label's stored slices and rows on the image's. */
const ORIENTATIONS: readonly (readonly [string, Reversed])[] = [
  ["as the slices lie", [false, false, false]],
  ["rows reversed", [false, true, false]],
  ["slices reversed", [true, false, false]],
  ["rows and slices reversed", [true, true, false]],
];
/** Organs of the abdomen, with and without contrast medium. */
const TISSUE_HU = [-30, 200] as const;
/** Of a set's labeled voxels, at least so many lie on soft tissue where labels and images belong together. */
const LEAST_SHARE = 0.7;
/** A case goes its own way where that puts so much more of its label on soft tissue. */
const CLEARLY_MORE = 0.2;
/** Raise it when the same files give other shares. */
const FORM = 1;

/** For each orientation, the share of labeled voxels that lie on soft tissue. Bad input: a label of another shape than its image. */
async function tissueShares(files: CaseFiles): Promise<number[]> {
  const { grid, channels, label } = await readCase(files);
  checkSameShape(label!.grid, grid, files.labelPath!);
  const [image, { shape }] = [channels[0]!, grid];
  const [depth, height, width] = shape;
  const inTissue = ORIENTATIONS.map(() => 0);
  let inside = 0;
  for (let z = 0, v = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, v++) {
        if (label!.data[v] === 0) continue;
        inside++;
        for (const [i, [, [slices, rows]]] of ORIENTATIONS.entries()) {
          const row = (slices ? depth - 1 - z : z) * height + (rows ? height - 1 - y : y);
          const hu = image[row * width + x]!;
          if (hu >= TISSUE_HU[0] && hu <= TISSUE_HU[1]) inTissue[i]!++;
        }
      }
  return inTissue.map((count) => (inside === 0 ? 0 : count / inside));
}

const schema = z.array(z.number()).length(ORIENTATIONS.length);

/** The same, looked up where the case was seen before. */
async function knownShares(files: CaseFiles, memory: string): Promise<number[]> {
  const name = sha256OfText([FORM, await contentOf(files, memory)].join("\n"));
  const path = join(memory, "tissue", `${name}.json`);
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    const shares = await tissueShares(files);
    makeDirectories(dirname(path));
    writeText(path, `${JSON.stringify(shares)}\n`);
    return shares;
  }
}

/** How the labels of a set lie on its images. */
export interface LabelOrientations {
  /** By the case's name. */
  readonly reversed: ReadonlyMap<string, Reversed>;
  readonly notes: readonly string[];
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const inWords = (shares: readonly number[]) =>
  ORIENTATIONS.map(([name], i) => `${name} ${percent(shares[i]!)}`).join(", ");
const largestOf = (shares: readonly number[]) => shares.indexOf(Math.max(...shares));

/**
 * How labels lie on images where their headers do not say it right: of the ways to reverse slices and rows, the one that
 * puts most labeled voxels of all cases on soft tissue; another one for a case where that is clearly right. What was found
 * of a case is kept in `memory`. Bad input: no way puts most of them there.
 */
export async function labelOrientations(
  cases: readonly CaseFiles[],
  memory: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<LabelOrientations> {
  const found: number[][] = [];
  for (const files of cases) {
    found.push(await knownShares(files, memory));
    onProgress(found.length, cases.length);
  }
  const mean = ORIENTATIONS.map((_, i) => found.reduce((sum, one) => sum + one[i]!, 0) / found.length);
  const best = largestOf(mean);
  const ways = found.map((shares) => {
    const own = largestOf(shares);
    return shares[own]! - shares[best]! >= CLEARLY_MORE ? own : best;
  });
  const share = ways.reduce((sum, way, i) => sum + found[i]![way]!, 0) / ways.length;
  if (share < LEAST_SHARE)
    throw badInput(
      `${cases[0]!.labelPath}: no way to lay the labels on the images puts ${percent(LEAST_SHARE)} of them on soft tissue (${inWords(mean)}); are these the images' labels?`,
    );
  const others = ways.flatMap((way, i) =>
    way === best
      ? []
      : [`${cases[i]!.id}: its label is laid ${ORIENTATIONS[way]![0]}: ${inWords(found[i]!)}`],
  );
  const weak = ways.flatMap((way, i) =>
    found[i]![way]! >= LEAST_SHARE ? [] : [`${cases[i]!.id} (${percent(found[i]![way]!)})`],
  );
  return {
    reversed: new Map(ways.map((way, i) => [cases[i]!.id, ORIENTATIONS[way]![1]])),
    notes: [
      `labels are laid on the images ${ORIENTATIONS[best]![0]}: on soft tissue are, by orientation, ${inWords(mean)}`,
      ...others,
      ...(weak.length > 0
        ? [`look at these, whose labels lie on little soft tissue: ${weak.join(", ")}`]
        : []),
    ],
  };
}
