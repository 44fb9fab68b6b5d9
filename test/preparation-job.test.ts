import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGrid, readLabelMap, readVolume } from "../src/volume/read.js";
import { writeVolume } from "../src/volume/write.js";
import { penumbra } from "./command-line.js";
import { ball, GRID, madeUpSet, TINY, tinyArguments } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-preparation-"));
const data = join(dir, "data");
const cache = join(dir, "cache");
const runDir = join(dir, "run");
const image = join(data, "imagesTs/te0.nii.gz");
const SETTINGS = tinyArguments(
  "method=supervised",
  "data.spacingMm=[1.5,1.5,1.5]",
  "data.crop=foreground",
  "data.imageInterpolation=cubic",
  "data.labelInterpolation=one-hot-linear",
  "data.windowPercentiles=[1,99]",
);
const stored = () =>
  readdirSync(join(cache, "cases"), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.safetensors$/.test(file))
    .sort();
const train = (out: string, ...more: string[]) =>
  penumbra("train", "--data", data, "--out", out, "--cache", cache, ...more);

beforeAll(async () => {
  await madeUpSet(data);
  const { code, stderr } = await train(runDir, ...SETTINGS);
  if (code !== 0) throw new Error(stderr);
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

describe("a run whose cases are resampled and cut", () => {
  it("predicts on the scan's own grid, probabilities that sum to 1 with it", async () => {
    const out = join(dir, "predicted");
    const { code } = await penumbra(
      "predict",
      image,
      "--run",
      runDir,
      "--out",
      out,
      "--probabilities",
      "--uncertainty",
    );
    expect(code).toBe(0);
    const grid = await readGrid(image);
    const labels = await readLabelMap(join(out, "te0.nii.gz"));
    const { data: foreground, grid: own } = await readVolume(join(out, "te0_probability_left-ball.nii.gz"));
    for (const other of [labels.grid, own]) {
      expect(other.shape).toEqual(grid.shape);
      expect(other.affine).toEqual(grid.affine);
    }
    // two classes: where the foreground's probability leads clearly, the label map says so
    const wrong = foreground.filter(
      (p, i) => Math.abs(p - 0.5) > 1e-4 && (p > 0.5 ? 1 : 0) !== labels.data[i],
    );
    expect(wrong.length).toBe(0);
    expect(foreground.some((p) => p > 0)).toBe(true);
  });

  it("is scored on the label as its file holds it", async () => {
    const { code, stdout } = await penumbra("evaluate", "--run", runDir, "--data", data, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout).cases.length).toBe(2);
    const written = await readLabelMap(join(runDir, "evaluation-test/labels/te0.nii.gz"));
    const predicted = await readLabelMap(join(dir, "predicted/te0.nii.gz"));
    expect(Buffer.from(written.data).equals(Buffer.from(predicted.data))).toBe(true);
    expect(readFileSync(join(runDir, "evaluation-test/report.html"), "utf8")).not.toContain(
      "ground truth was used",
    );
  });

  it("a second run with the same settings prepares nothing, one with others keeps apart", async () => {
    const before = stored();
    expect(before.length).toBe(2); // supervised: the labeled cases only
    expect((await train(join(dir, "second"), ...SETTINGS)).code).toBe(0);
    expect(stored()).toEqual(before);
    expect((await train(join(dir, "third"), ...SETTINGS, "--set", "data.crop=none")).code).toBe(0);
    expect(stored().length).toBe(4);
    expect(stored()).toEqual(expect.arrayContaining(before));
  });

  it("says that the paper's crop uses the ground truth", async () => {
    const paper = join(dir, "paper");
    expect((await train(paper, ...SETTINGS, "--set", "data.crop=label-box")).code).toBe(0);
    expect((await penumbra("evaluate", "--run", paper, "--data", data, "--no-uncertainty")).code).toBe(0);
    expect(readFileSync(join(paper, "evaluation-test/report.html"), "utf8")).toContain(
      "ground truth was used",
    );
    const { code } = await penumbra("predict", image, "--run", paper, "--out", join(dir, "unlabeled"));
    expect(code).toBe(0);
    expect((await readGrid(join(dir, "unlabeled/te0.nii.gz"))).shape).toEqual(GRID.shape);
  });
});

describe("a look at the data before training", () => {
  it("derives settings without a preset, says why, and keeps them with the run", async () => {
    const set = TINY.filter((key) => !/patchSize|stride|PerBatch/.test(key)).flatMap((key) => ["--set", key]);
    const out = join(dir, "derived");
    const { code, stderr } = await train(out, ...set, "--method", "supervised");
    expect(stderr).toContain(
      "derived: data.patchSize=[16,16,16] (the median image has 18 x 20 x 22 voxels (D, H, W): about all of it)",
    );
    expect(code).toBe(0);
    const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect([config.data.patchSize, config.inference.stride, config.data.labeledPerBatch]).toEqual([
      [16, 16, 16],
      [8, 8, 8],
      4,
    ]);
    const derived = JSON.parse(readFileSync(join(out, "derived.json"), "utf8"));
    expect(derived.map(({ key }: { key: string }) => key)).toContain("data.normalization");
  });

  it("refuses a test image among the training images, unless told to go on", async () => {
    const leaky = join(dir, "leaky");
    await madeUpSet(leaky);
    await writeVolume(join(leaky, "imagesTs/te1.nii.gz"), { grid: GRID, data: ball(0).image });
    const go = (...more: string[]) =>
      penumbra(
        "train",
        "--data",
        leaky,
        "--out",
        join(dir, "leaked"),
        "--cache",
        cache,
        ...tinyArguments("method=supervised"),
        ...more,
      );
    const refused = await go();
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/tr0 in training and te1 in test hold the same image/),
    });
    const warned = await go("--skip-checks");
    expect(warned).toMatchObject({ code: 0, stderr: expect.stringMatching(/check: tr0 in training/) });
  });
});
