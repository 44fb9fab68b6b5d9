import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Grid, Triple } from "../src/volume/volume.js";
import { writeLabelMap, writeVolume } from "../src/volume/write.js";

const SHAPE: Triple = [18, 20, 22];
/** Voxels of 2 x 1 x 1.5 mm, axes along left, posterior, superior, away from the origin. */
const AFFINE = [-1.5, 0, 0, 30, 0, -1, 0, 12, 0, 0, 2, -7, 0, 0, 0, 1];
export const GRID: Grid = { shape: SHAPE, spacingMm: [2, 1, 1.5], affine: AFFINE };

/** A bright ball in dim texture, and its label: 1 inside. Everything follows from `seed`. */
export function ball(seed: number, shape: Triple = SHAPE): { image: Float32Array; label: Uint8Array } {
  const [depth, height, width] = shape;
  const image = new Float32Array(depth * height * width);
  const label = new Uint8Array(image.length);
  const radius = 4 + (seed % 3);
  for (let i = 0; i < image.length; i++) {
    const [z, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    const distance = Math.hypot(z - depth / 2, y - height / 2, x - width / 2 + (seed % 2));
    label[i] = distance < radius ? 1 : 0;
    image[i] = 100 * label[i]! + ((i * 7919 + seed * 104729) % 31);
  }
  return { image, label };
}

/** Writes one image and returns its path below `dir`. */
export async function putImage(dir: string, path: string, seed: number, grid = GRID): Promise<string> {
  await writeVolume(join(dir, path), { grid, data: ball(seed, grid.shape).image });
  return path;
}

export async function putLabel(dir: string, path: string, data: Uint8Array, grid = GRID): Promise<string> {
  await writeLabelMap(join(dir, path), { grid, data });
  return path;
}

export interface MadeUpSet {
  readonly labeled?: number;
  readonly unlabeled?: number;
  readonly labels?: Record<string, string>;
  readonly testLabels?: boolean;
}

/** A folder in the Decathlon's layout: training cases tr0, tr1, …, test cases te0 and te1. */
export async function madeUpSet(
  dir: string,
  {
    labeled = 2,
    unlabeled = 2,
    labels = { 0: "background", 1: "left ball" },
    testLabels = true,
  }: MadeUpSet = {},
  grid = GRID,
): Promise<string> {
  for (const folder of ["imagesTr", "labelsTr", "imagesTs", "labelsTs"]) {
    mkdirSync(join(dir, folder), { recursive: true });
  }
  const training = [];
  for (let i = 0; i < labeled + unlabeled; i++) {
    const image = await putImage(dir, `imagesTr/tr${i}.nii.gz`, i, grid);
    const isLabeled = i < labeled;
    const path = `labelsTr/tr${i}.nii.gz`;
    training.push(isLabeled ? { image, label: await putLabel(dir, path, ball(i).label, grid) } : { image });
  }
  const test = [];
  for (let i = 0; i < 2; i++) {
    test.push(await putImage(dir, `imagesTs/te${i}.nii.gz`, 10 + i, grid));
    if (testLabels) await putLabel(dir, `labelsTs/te${i}.nii.gz`, ball(10 + i).label, grid);
  }
  writeFileSync(
    join(dir, "dataset.json"),
    JSON.stringify({ modality: { 0: "MRI" }, labels, training, test }),
  );
  return dir;
}

/** Settings with which a whole training takes a second or two. */
export const TINY: readonly string[] = [
  "model.filters=2",
  "model.rank=2",
  "data.patchSize=[16,16,16]",
  "data.labeledPerBatch=1",
  "data.unlabeledPerBatch=1",
  "data.workers=0",
  "stage1.iterations=3",
  "stage1.samples=2",
  "stage1.contrast.anchors=50",
  "prototypes.iterations=2",
  "stage2.iterations=3",
  "supervised.iterations=2",
  "inference.stride=[8,8,8]",
  "inference.uncertaintySamples=2",
  "threads=1",
  "precision=fp32",
];
export const tinyArguments = (...more: string[]): string[] =>
  [...TINY, ...more].flatMap((set) => ["--set", set]);
