import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBatch } from "../src/data/batch.js";
import { prepareIntoCache } from "../src/data/case-cache.js";
import { openDataset } from "../src/data/dataset.js";
import { imagePathsOf } from "../src/data/image-paths.js";
import { prepareCase } from "../src/data/prepare.js";
import type { Evaluation } from "../src/metrics/score.js";
import { gridOfCase } from "../src/viewer/save-label.js";
import { sendVolume } from "../src/viewer/volumes.js";
import { openImage } from "../src/volume/format.js";
import { readLabelMap } from "../src/volume/read.js";
import { writeVolume } from "../src/volume/write.js";
import { penumbra } from "./command-line.js";
import { putFourD, twoChannelSets, twoChannels } from "./made-up-channels.js";
import { GRID, madeUpSet, tinyArguments } from "./made-up-data.js";

const root = mkdtempSync(join(tmpdir(), "penumbra-channels-"));
const at = (...parts: string[]) => join(root, ...parts);
const run = at("run");
let sets: Awaited<ReturnType<typeof twoChannelSets>>;

beforeAll(async () => {
  sets = await twoChannelSets(root);
  const settings = tinyArguments(
    "supervised.iterations=120",
    "optimizer.learningRate=0.05",
    "model.filters=4",
    "validation.every=60",
  );
  const given = ["--data", sets.fourD, "--out", run, "--method", "supervised", "--cache", at("cache")];
  const { code, stderr } = await penumbra("train", ...given, ...settings);
  expect(code, stderr).toBe(0);
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));

const OPTIONS = { classes: 2, channels: 2, normalization: "z-score", regionMask: "positive" } as const;
const bytesOf = async (path: string) => (await readLabelMap(path)).data;

describe("a case of two channels", () => {
  it("is prepared channel by channel, the same from one file as from two", async () => {
    const [together, apart] = await Promise.all(
      [sets.fourD, sets.files].map(async (set) => (await openDataset(set)).labeled[0]!),
    );
    const one = await prepareCase(together!, OPTIONS);
    expect(await prepareCase(apart!, OPTIONS)).toEqual(one);
    const voxels = one.image.length / 2;
    for (const channel of [one.image.subarray(0, voxels), one.image.subarray(voxels)]) {
      expect(channel.reduce((sum, value) => sum + value) / voxels).toBeCloseTo(0, 4);
      expect(channel.reduce((sum, value) => sum + value ** 2) / voxels).toBeCloseTo(1, 3);
    }
    expect(one.image.subarray(0, voxels)).not.toEqual(one.image.subarray(voxels));
  });

  it("gives the same patches from the cache's file as from memory, all channels of one place", async () => {
    const files = (await openDataset(sets.files)).labeled[0]!;
    const options = { patchSize: [6, 5, 4], labeledPerBatch: 2, unlabeledPerBatch: 0, seed: 4 } as const;
    const sources = { augment: { rotate90: true, flip: true }, unlabeled: [], channels: 2, ...options };
    const stored = await prepareIntoCache(files, OPTIONS, at("cache"));
    const whole = await prepareCase(files, OPTIONS);
    // a second channel that says where the first's voxels were
    const placed = {
      ...whole,
      image: Float32Array.from(whole.image, (value, i) => (i < 7920 ? value : i - 7920)),
    };
    for (let i = 0; i < 4; i++) {
      const batch = makeBatch({ ...sources, labeled: [stored] }, i);
      expect(batch).toEqual(makeBatch({ ...sources, labeled: [whole] }, i));
      expect(batch.images).toHaveLength(2 * 2 * 120);
      const { images } = makeBatch({ ...sources, labeled: [placed] }, i);
      for (let v = 0; v < 120; v++) expect(images[v]).toBe(whole.image[images[120 + v]!]);
    }
  });
});

describe("a channel that shows nothing", () => {
  it.each([
    ["in one file", ["flat.nii"], /flat\.nii, channel 2: every voxel is 7/],
    ["in a file of its own", ["flat_0000.nii", "flat_0001.nii"], /flat_0001\.nii: every voxel is 7/],
  ])("is named, %s", async (_, names, reason) => {
    const flat = new Float32Array(7920).fill(7);
    const [first] = twoChannels(3);
    putFourD(at("flat.nii"), [first, flat]);
    await writeVolume(at("flat_0000.nii"), { grid: GRID, data: first });
    await writeVolume(at("flat_0001.nii"), { grid: GRID, data: flat });
    const images = names.map((name) => at(name));
    const { code, stderr } = await penumbra("predict", ...images, "--run", run, "--out", at("flat"));
    expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
  });
});

describe("a run of two channels", () => {
  it("records how many there are and learns from the second", async () => {
    expect(JSON.parse(readFileSync(join(run, "config.json"), "utf8")).model.inputChannels).toBe(2);
    const { code, stderr } = await penumbra("evaluate", "--run", run, "--data", sets.files);
    expect(code, stderr).toBe(0);
    const { mean } = JSON.parse(readFileSync(join(run, "evaluation-test/scores.json"), "utf8")) as Evaluation;
    expect(mean.dice).toBeGreaterThan(0.7);
    expect(existsSync(join(run, "evaluation-test/report.html"))).toBe(true);
  });

  it("segments one file of all channels as it does a file for each", async () => {
    const image = join(sets.fourD, "imagesTs/te0.nii");
    const files = [0, 1].map((i) => join(sets.files, `imagesTs/te0_000${i}.nii`));
    const predict = (out: string, ...images: string[]) =>
      penumbra("predict", ...images, "--run", run, "--out", at(out), "--probabilities", "--uncertainty");
    expect(await predict("one", image)).toMatchObject({ code: 0 });
    expect(await predict("two", ...files)).toMatchObject({ code: 0 });
    for (const name of ["te0", "te0_probability_left-ball", "te0_uncertainty"])
      expect(readFileSync(at("two", `${name}.nii.gz`))).toEqual(readFileSync(at("one", `${name}.nii.gz`)));
    expect(await bytesOf(at("one/te0.nii.gz"))).toEqual(
      await bytesOf(join(run, "evaluation-test/labels/te0.nii.gz")),
    );
    const { grid } = await readLabelMap(at("one/te0.nii.gz"));
    expect(grid.shape).toEqual(GRID.shape);
  });

  it.each([
    [
      "one channel alone",
      ["files/imagesTs/te0_0000.nii"],
      /te0_0000\.nii: is one channel of a scan and 0 files follow/,
    ],
    [
      "another scan's channel",
      ["files/imagesTs/te0_0000.nii", "files/imagesTr/tr0_0001.nii"],
      /tr0_0001\.nii: by its name it is not channel 1 of te0/,
    ],
    [
      "channels the wrong way round",
      ["files/imagesTs/te0_0001.nii", "files/imagesTs/te0_0000.nii"],
      /te0_0001\.nii: by its name it is not channel 0 of te0/,
    ],
    ["a file of three", ["three.nii"], /three\.nii: holds 3 volumes .*; expected 2 channels/],
    [
      "channels of other sizes",
      ["small.nii", "files/imagesTs/te0_0001.nii"],
      /channels of a case must be on one grid/,
    ],
  ])("refuses %s", async (_, names, reason) => {
    const [first, second] = twoChannels(1);
    putFourD(at("three.nii"), [first, second, first]);
    const small = { ...GRID, shape: [9, 20, 22] as const };
    putFourD(at("small.nii"), [first.subarray(0, 9 * 440)], small);
    const images = names.map((name) => at(name));
    const { code, stderr } = await penumbra("predict", ...images, "--run", run, "--out", at("refused"));
    expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
    expect(existsSync(at("refused"))).toBe(false);
  });

  it("refuses to be evaluated on one channel, and one channel to be trained as two", async () => {
    const single = await madeUpSet(at("single"));
    const evaluated = await penumbra("evaluate", "--run", run, "--data", single);
    expect(evaluated).toMatchObject({ code: 2 });
    expect(evaluated.stderr).toMatch(/images have 1 channels \(MRI\) but the run was trained on 2/);
    const trained = await penumbra(
      ...["train", "--data", single, "--out", at("no"), ...tinyArguments("model.inputChannels=2")],
    );
    expect([trained.code, trained.stderr]).toEqual([2, expect.stringMatching(/model\.inputChannels is 2/)]);
  });
});

it("shows all channels in a fingerprint, and the first in the viewer", async () => {
  const { stdout } = await penumbra(
    ...["fingerprint", "--data", sets.files, "--cache", at("cache"), "--workers", "0"],
  );
  expect(stdout).toMatch(/modality T1, T2/);
  expect(stdout).toMatch(/tr0 .* 66, \d+ /);
  const file = join(sets.fourD, "imagesTs/te0.nii");
  const answer = await sendVolume({ file, size: 0 }, { labelOf: null, range: undefined });
  const sent = Buffer.from(await answer.arrayBuffer());
  // whole numbers are sent as int16
  const voxels = new Int16Array(sent.buffer.slice(sent.byteOffset + 352, sent.byteOffset + sent.length));
  expect([...voxels]).toEqual([...twoChannels(10)[0]!]);
  expect(sent.readInt16LE(40)).toBe(3);
  expect((await gridOfCase(sets.fourD, "te0")).grid).toEqual((await openImage(file)).grid);
});

it("leave the Decathlon's raw layout as a file each, which trains as it is", async () => {
  const given = ["--recipe", "decathlon", "--in", sets.fourD, "--out", at("prepared"), "--workers", "0"];
  const prepared = await penumbra("prepare", ...given);
  expect(prepared.code, prepared.stderr).toBe(0);
  const { labeled, unlabeled, channelNames } = await openDataset(at("prepared"));
  expect(channelNames).toEqual(["T1", "T2"]);
  expect([...labeled, ...unlabeled].map((files) => imagePathsOf(files).length)).toEqual([2, 2, 2]);
  const [one, other] = await Promise.all(
    [labeled[0]!, (await openDataset(sets.files)).labeled[0]!].map((files) => prepareCase(files, OPTIONS)),
  );
  const apart = one!.image.map((value, i) => Math.abs(value - other!.image[i]!));
  expect(Math.max(...apart)).toBeLessThan(1e-4);
});
