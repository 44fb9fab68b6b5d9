// node prepare-scan-once.js PART DIR: does one part of preparing the scan in DIR, prints seconds, CPU seconds and peak memory
import { linkSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeBatch } from "#dist/data/batch.js";
import { prepareIntoCache } from "#dist/data/case-cache.js";
import { openCaseFile } from "#dist/data/case-file.js";
import type { PrepareOptions } from "#dist/data/prepare.js";
import { spacingMap } from "#dist/volume/axis-map.js";
import { readLabelMap, readVolume } from "#dist/volume/read.js";
import { resampleImage, resampleLabels } from "#dist/volume/resample.js";
import type { Triple } from "#dist/volume/volume.js";
import { peakRssGb } from "./measure.js";

const [part, dir] = process.argv.slice(2) as [string, string];
const imagePath = join(dir, "scan.nii.gz");
const labelPath = join(dir, "label.nii.gz");
const ONE_MM: Triple = [1, 1, 1];
const OPTIONS: PrepareOptions = {
  classes: 2,
  normalization: "z-score",
  windowHu: [-125, 275],
  regionMask: "all",
  spacingMm: ONE_MM,
};
const PATCH: Triple = [80, 112, 112];
const BATCHES = 20;

async function resample(interpolation: "linear" | "cubic"): Promise<() => void> {
  const { grid, data } = await readVolume(imagePath);
  return () => void resampleImage(data, grid.shape, spacingMap(grid, ONE_MM), interpolation);
}

async function resampleLabel(interpolation: "nearest" | "one-hot-linear"): Promise<() => void> {
  const { grid, data } = await readLabelMap(labelPath);
  return () => void resampleLabels(data, grid.shape, spacingMap(grid, ONE_MM), interpolation);
}

/** Batches of 2 + 2 patches out of so many prepared cases as they are stored. */
async function patches(cases: number): Promise<() => void> {
  const cache = join(dir, "stored");
  const files = { id: "scan", imagePath, labelPath };
  const { path } = await prepareIntoCache(files, { ...OPTIONS, spacingMm: null }, cache);
  const links = join(dir, `links${cases}`);
  rmSync(links, { recursive: true, force: true });
  mkdirSync(links);
  const stored = Array.from({ length: cases }, (_, i) => {
    const link = join(links, `${i}.safetensors`);
    linkSync(path, link);
    return openCaseFile(link, String(i))!;
  });
  const options = {
    labeled: stored,
    unlabeled: stored,
    patchSize: PATCH,
    labeledPerBatch: 2,
    unlabeledPerBatch: 2,
    augment: { rotate90: true, flip: true },
    seed: 0,
  };
  return () => {
    for (let i = 0; i < BATCHES; i++) makeBatch(options, i);
  };
}

const PARTS: Readonly<Record<string, () => Promise<() => unknown>>> = {
  linear: () => resample("linear"),
  cubic: () => resample("cubic"),
  nearest: () => resampleLabel("nearest"),
  "one-hot-linear": () => resampleLabel("one-hot-linear"),
  prepare: async () => () =>
    prepareIntoCache({ id: "scan", imagePath, labelPath }, OPTIONS, join(dir, "cache")),
  again: async () => () =>
    prepareIntoCache({ id: "scan", imagePath, labelPath }, OPTIONS, join(dir, "cache")),
  "stored-once": () => patches(1),
  "patches-of-10": () => patches(10),
  "patches-of-1000": () => patches(1000),
};

const body = await PARTS[part]!();
const [start, cpu] = [performance.now(), process.cpuUsage()];
await body();
const repeats = part.startsWith("patches") ? BATCHES : 1;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(
  JSON.stringify({
    seconds: (performance.now() - start) / 1000 / repeats,
    cpuSeconds: (user + system) / 1e6 / repeats,
    peakGb: peakRssGb(),
  }),
);
