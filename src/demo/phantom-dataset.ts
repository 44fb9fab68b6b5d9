import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Grid, Triple } from "../volume/volume.js";
import { writeLabelMap, writeVolume } from "../volume/write.js";
import { makePhantom, SCANNERS } from "./phantom.js";

export interface PhantomSet {
  readonly seed: number;
  /** How many cases of each kind; they are numbered on in this order. */
  readonly labeled: number;
  readonly unlabeled: number;
  readonly test: number;
  /** Voxels [D, H, W]. */
  readonly shape: Triple;
}

const SPACING_MM = 1.25;

/** Straight axes: x to the left, y to the back, z up, 0 at the first voxel. */
const gridOf = (shape: Triple): Grid => ({
  shape,
  spacingMm: [SPACING_MM, SPACING_MM, SPACING_MM],
  affine: [-SPACING_MM, 0, 0, 0, 0, -SPACING_MM, 0, 0, 0, 0, SPACING_MM, 0, 0, 0, 0, 1],
});

const nameOf = (index: number) => `phantom_${String(index).padStart(3, "0")}.nii.gz`;

/**
 * Writes phantoms as a data folder in the Decathlon's layout: labeled and unlabeled training images (the latter have
 * no label anywhere), test images with labels in labelsTs. Labeled scans come from the research scanner, all others from
 * the everyday one. Bad input: a folder that can't be written.
 */
export async function writePhantomDataset(dir: string, set: PhantomSet): Promise<void> {
  for (const folder of ["imagesTr", "labelsTr", "imagesTs", "labelsTs"])
    await mkdir(join(dir, folder), { recursive: true });
  const grid = gridOf(set.shape);
  const write = async (index: number, part: "Tr" | "Ts", hasLabel: boolean) => {
    const scanner = index < set.labeled ? SCANNERS.research : SCANNERS.everyday;
    const { image, label } = makePhantom(set.seed, index, set.shape, scanner);
    await writeVolume(join(dir, `images${part}`, nameOf(index)), { grid, data: image });
    if (hasLabel) await writeLabelMap(join(dir, `labels${part}`, nameOf(index)), { grid, data: label });
  };
  const training = set.labeled + set.unlabeled;
  for (let i = 0; i < training; i++) await write(i, "Tr", i < set.labeled);
  for (let i = training; i < training + set.test; i++) await write(i, "Ts", true);
  await writeFile(join(dir, "dataset.json"), `${JSON.stringify(description(set), null, 2)}\n`);
}

function description({ seed, labeled, unlabeled, test }: PhantomSet) {
  const training = Array.from({ length: labeled + unlabeled }, (_, i) => ({
    image: `./imagesTr/${nameOf(i)}`,
    ...(i < labeled && { label: `./labelsTr/${nameOf(i)}` }),
  }));
  return {
    name: "Phantoms",
    description: `Synthetic left atria, seed ${seed}; made by Penumbra's demo, no patient data`,
    labels: { 0: "background", 1: "left atrium" },
    modality: { 0: "synthetic MRI" },
    training,
    test: Array.from({ length: test }, (_, i) => `./imagesTs/${nameOf(labeled + unlabeled + i)}`),
  };
}
