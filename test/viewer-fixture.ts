import { mkdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CellResult, Comparison } from "../src/compare/comparison.js";
import { summarizeMethod } from "../src/compare/summary.js";
import { openDataset } from "../src/data/dataset.js";
import { type Evaluation, scoreCase, summarize } from "../src/metrics/score.js";
import { resolveConfig } from "../src/training/config.js";
import { createRun } from "../src/training/run-directory.js";
import { logEntry } from "../src/training/run-log.js";
import { readLabelMap } from "../src/volume/read.js";
import { writeLabelMap, writeVolume } from "../src/volume/write.js";
import { encodeNifti } from "../src/volume/write-nifti.js";
import { GRID, madeUpSet, TINY } from "./made-up-data.js";

const GRID_OF_24 = {
  shape: [16, 20, 24],
  spacingMm: [1, 1, 1],
  affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
} as const;

/** A ball [D,H,W] around the middle of the made-up grid. */
export function ballOf(radius: number): Uint8Array {
  const [depth, height, width] = GRID.shape;
  return Uint8Array.from({ length: depth * height * width }, (_, i) => {
    const [z, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    return Math.hypot(z - depth / 2, y - height / 2, x - width / 2) < radius ? 1 : 0;
  });
}

/** One line of a log, as a training writes it. */
export const logLine = (total: number): string =>
  `${JSON.stringify(
    logEntry({
      stage: "stage1",
      iteration: total,
      iterations: 8,
      total,
      totalIterations: 8,
      ahead: 8 - total,
      terms: { dice: 1 / total, consistency: 0.1 * total },
      weights: { dice: 0.5, consistency: 0.01 * total },
      loss: 1 / total,
      gradientNorm: 1,
      skipped: null,
      learningRate: 0.01,
      seconds: 0.5,
      waitedSeconds: 0,
      caseIds: ["tr0"],
    }),
  )}\n`;

/** What `compare` leaves of one method and one seed. */
function writeComparison(dir: string, parts: { run: string; data: string; evaluation: Evaluation }): void {
  const { run, data, evaluation } = parts;
  const effort = { steps: 6, labeledPatches: 6, parts: 1, minutes: 0.1 };
  const cell: CellResult = { method: "aua", seed: 0, run, evaluation, diverged: null, ...effort };
  const comparison: Comparison = {
    ...{ data, labeled: 2, planned: 1, unit: "mm", differences: [], cells: [cell] },
    methods: [summarizeMethod([cell])],
  };
  mkdirSync(dir);
  writeFileSync(join(dir, "comparison.json"), JSON.stringify(comparison));
}

export interface ViewerFixture {
  readonly root: string;
  readonly data: string;
  readonly run: string;
}

/** A data directory and a finished run with log, scores, maps and samples of its test case te0, made without training. */
export async function viewerFixture(root: string): Promise<ViewerFixture> {
  const data = join(root, "data");
  mkdirSync(data, { recursive: true });
  await madeUpSet(data);
  const dataset = await openDataset(data);
  const config = resolveConfig({ classes: 2, set: [...TINY, "stage1.iterations=6"], method: "aua" });
  const run = join(root, "made-up");
  const engine = {
    device: "cpu",
    precision: "fp32",
    threads: 1,
    libtorch: "1.13.0",
    processor: "made up",
  } as const;
  createRun(run, { config, dataset }, engine).release();
  writeFileSync(join(run, "log.jsonl"), [1, 2, 3, 4, 5, 6].map(logLine).join(""));
  writeFileSync(join(run, "model.safetensors"), "");

  const rows = [];
  mkdirSync(join(run, "evaluation-test", "labels"), { recursive: true });
  for (const [i, files] of dataset.test.entries()) {
    const prediction = { grid: GRID, data: ballOf(4 + i) };
    await writeLabelMap(join(run, "evaluation-test", "labels", `${files.id}.nii.gz`), prediction);
    rows.push(...scoreCase(files.id, prediction, await readLabelMap(files.labelPath!), dataset.classNames));
  }
  const evaluation = summarize(rows, "mm");
  writeFileSync(join(run, "evaluation-test", "scores.json"), JSON.stringify(evaluation));
  writeComparison(join(root, "compared"), { run, data, evaluation });

  mkdirSync(join(run, "maps"));
  const map = (ending: string) => join(run, "maps", `te0${ending}.nii.gz`);
  await writeLabelMap(map(""), { grid: GRID, data: ballOf(4) });
  const core = ballOf(3);
  const entropy = Float32Array.from(ballOf(6), (inside, i) => 0.6 * (inside - core[i]!));
  await writeVolume(map("_uncertainty"), { grid: GRID, data: entropy });
  for (const n of [1, 2, 3, 4])
    await writeLabelMap(map(`_sample_${n}`), { grid: GRID, data: ballOf(2 + 1.3 * n) });
  return { root, data, run };
}

/** A data directory with one scan of 200 x 200 x 130 voxels that is 1234 everywhere but for the first two, 0 and 4000. */
export function putLargeScan(dir: string): void {
  const shape = [130, 200, 200] as const;
  const data = new Int16Array(130 * 200 * 200).fill(1234);
  data[0] = 0;
  data[1] = 4000;
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  mkdirSync(join(dir, "imagesTr"), { recursive: true });
  const nifti = encodeNifti(
    "scan.nii",
    { shape, spacingMm: [1, 1, 1], affine },
    { type: "i16", data, slope: 1 },
  );
  writeFileSync(join(dir, "imagesTr", "scan.nii"), nifti);
  const set = { labels: { "0": "background", "1": "organ" }, training: ["imagesTr/scan.nii"], test: [] };
  writeFileSync(join(dir, "dataset.json"), JSON.stringify(set));
}

/**
 * A data directory with two scans: "spike" of floats, 100 to the one side and 300 to the other but for one voxel of a billion;
 * "half", whose file is cut short.
 */
export async function putBrokenScans(dir: string): Promise<void> {
  const image = Float32Array.from({ length: 16 * 20 * 24 }, (_, i) => (i % 24 < 8 ? 100 : 300));
  image[5] = 1e9;
  mkdirSync(join(dir, "imagesTr"), { recursive: true });
  await writeVolume(join(dir, "imagesTr", "spike.nii.gz"), { grid: GRID_OF_24, data: image });
  const noise = Float32Array.from(image, (_, i) => Math.sin(i * i));
  const half = join(dir, "imagesTr", "half.nii.gz");
  await writeVolume(half, { grid: GRID_OF_24, data: noise });
  truncateSync(half, statSync(half).size / 2);
  const training = ["imagesTr/spike.nii.gz", "imagesTr/half.nii.gz"];
  const set = { labels: { "0": "background", "1": "organ" }, training, test: [] };
  writeFileSync(join(dir, "dataset.json"), JSON.stringify(set));
}

/** A data directory with two scans of 1.5 x 1 x 2 mm: "both" says two places, its qform mirrored in x; "nowhere" says none. */
export function putPlacedScans(dir: string): void {
  const shape = [16, 20, 24] as const;
  const affine = [1.5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1];
  const data = Int16Array.from({ length: 16 * 20 * 24 }, (_, i) => i % 100);
  const nifti = Buffer.from(
    encodeNifti("a.nii", { shape, spacingMm: [2, 1, 1.5], affine }, { type: "i16", data, slope: 1 }),
  );
  mkdirSync(join(dir, "imagesTr"), { recursive: true });
  nifti.writeInt16LE(2, 252); // qform_code, above the sform's
  nifti.writeInt16LE(1, 254);
  nifti.writeFloatLE(1, 256 + 4); // quaternion (0, 0, 1, 0): half a turn about y
  nifti.writeFloatLE(0, 256);
  nifti.writeFloatLE(0, 256 + 8);
  writeFileSync(join(dir, "imagesTr", "both.nii"), nifti);
  nifti.writeInt16LE(0, 252);
  nifti.writeInt16LE(0, 254);
  writeFileSync(join(dir, "imagesTr", "nowhere.nii"), nifti);
  const training = ["imagesTr/both.nii", "imagesTr/nowhere.nii"];
  writeFileSync(
    join(dir, "dataset.json"),
    JSON.stringify({ labels: { "0": "background", "1": "organ" }, training, test: [] }),
  );
}

/**
 * A data directory with one scan that lies sagittally, turned by a fifth of a radian: dim but for a block of 700 near its
 * first voxel, which is class 2; class 1 lies elsewhere.
 */
export async function putOddScan(dir: string): Promise<void> {
  const [cos, sin] = [Math.cos(0.2), Math.sin(0.2)];
  const affine = [0, 0, 1.5, -20, -cos, sin, 0, 9, -sin, -cos, 0, 30, 0, 0, 0, 1]; // x of the file runs to the back
  const grid = { shape: [16, 24, 28], spacingMm: [1.5, 1, 1], affine } as const;
  const image = new Float32Array(16 * 24 * 28).fill(3);
  const label = new Uint8Array(image.length);
  for (let z = 2; z < 7; z++) {
    for (let y = 2; y < 9; y++) {
      for (let x = 3; x < 10; x++) {
        image[(z * 24 + y) * 28 + x] = 700;
        label[(z * 24 + y) * 28 + x] = 2;
        label[((z + 8) * 24 + y + 12) * 28 + x + 14] = 1;
      }
    }
  }
  for (const folder of ["imagesTr", "labelsTr"]) mkdirSync(join(dir, folder), { recursive: true });
  await writeVolume(join(dir, "imagesTr", "scan.nii.gz"), { grid, data: image });
  await writeLabelMap(join(dir, "labelsTr", "scan.nii.gz"), { grid, data: label });
  const training = [{ image: "imagesTr/scan.nii.gz", label: "labelsTr/scan.nii.gz" }];
  const set = { labels: { "0": "background", "1": "first", "2": "second" }, training, test: [] };
  writeFileSync(join(dir, "dataset.json"), JSON.stringify(set));
}
