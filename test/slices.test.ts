import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Evaluation } from "../src/metrics/score.js";
import { METHOD_NAMES } from "../src/training/method-catalog.js";
import { reorientGrid, reorientVoxels } from "../src/volume/orientation.js";
import { readLabelMap, readVolume } from "../src/volume/read.js";
import { writeVolume } from "../src/volume/write.js";
import { penumbra } from "./command-line.js";
import { madeUpSet, tinyArguments } from "./made-up-data.js";

const root = mkdtempSync(join(tmpdir(), "penumbra-slices-"));
const at = (...parts: string[]) => join(root, ...parts);
const [WIDTH, HEIGHT] = [40, 52];
/** All of a training but patch and stride, which follow from the data. */
const LEARNING = ["supervised.iterations=60", "optimizer.learningRate=0.05", "model.filters=4"];
const settings = (...more: string[]) => {
  const given = tinyArguments(...more);
  return given.filter((_, i) => !/patchSize=\[16,16|stride=\[8,8|PerBatch/.test(given[i | 1]!));
};

/** A bright disk in dim texture and its label, as gray PNG files. */
function putPicture(image: string, label: string | null, seed: number): void {
  const pixels = new Uint8Array(WIDTH * HEIGHT);
  const inside = new Uint8Array(WIDTH * HEIGHT);
  for (let i = 0; i < pixels.length; i++) {
    const [y, x] = [Math.floor(i / WIDTH), i % WIDTH];
    inside[i] = Math.hypot(x - 15 - 2 * (seed % 4), y - 24) < 8 + (seed % 3) ? 1 : 0;
    pixels[i] = 110 * inside[i]! + ((i * 7919 + seed * 104729) % 61);
  }
  const png = (data: Uint8Array) => encode({ width: WIDTH, height: HEIGHT, data, channels: 1, depth: 8 });
  writeFileSync(at("pictures", image), png(pixels));
  if (label) writeFileSync(at("pictures", label), png(inside));
}

beforeAll(async () => {
  for (const folder of ["imagesTr", "labelsTr", "imagesTs", "labelsTs"])
    mkdirSync(at("pictures", folder), { recursive: true });
  for (const i of [0, 1, 2]) putPicture(`imagesTr/p${i}_0000.png`, i < 2 ? `labelsTr/p${i}.png` : null, i);
  putPicture("imagesTs/t_0000.png", "labelsTs/t.png", 7);
  const names = { channel_names: { 0: "microscope" }, labels: { background: 0, cell: 1 } };
  writeFileSync(at("pictures/dataset.json"), JSON.stringify({ ...names, file_ending: ".png" }));
  await madeUpSet(at("volumes"));
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));

const train = (out: string, data: string, method: string, ...more: string[]) =>
  penumbra(
    ...["train", "--data", at(data), "--out", at(out), "--cache", at("cache"), "--method", method],
    ...more,
  );

describe("pictures", () => {
  beforeAll(async () => {
    const { code, stderr } = await train(
      "run",
      "pictures",
      "supervised",
      ...settings(...LEARNING, "validation.every=30"),
      ...["--set", "data.labeledPerBatch=3", "--set", "data.unlabeledPerBatch=1"],
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/derived: model\.dimensions=2 \(every image is one slice\)/);
  }, 120_000);

  it("get a 2-D network and patches of one slice by themselves", () => {
    const { model, data, inference } = JSON.parse(readFileSync(at("run/config.json"), "utf8"));
    expect([model.dimensions, data.patchSize, inference.stride]).toEqual([2, [1, 48, 48], [1, 24, 24]]);
  });

  it("are learned, scored by their outlines and segmented", async () => {
    const { code, stderr } = await penumbra("evaluate", "--run", at("run"), "--data", at("pictures"));
    expect(code, stderr).toBe(0);
    const { mean, unit } = JSON.parse(
      readFileSync(at("run/evaluation-test/scores.json"), "utf8"),
    ) as Evaluation;
    expect(mean.dice).toBeGreaterThan(0.8);
    expect(unit).toBe("voxel");
    const image = at("pictures/imagesTs/t_0000.png");
    const predicted = await penumbra(
      "predict",
      image,
      "--run",
      at("run"),
      "--out",
      at("out"),
      "--uncertainty",
    );
    expect(predicted).toMatchObject({ code: 0 });
    const { grid, data } = await readLabelMap(at("out/t.nii.gz"));
    expect(grid.shape).toEqual([1, HEIGHT, WIDTH]);
    expect(data).toEqual((await readLabelMap(at("run/evaluation-test/labels/t.nii.gz"))).data);
  });
});

const SLICES = ["model.dimensions=2", "data.patchSize=[1,16,16]", "inference.stride=[1,8,8]"];

describe("slices of volumes", () => {
  it.each(METHOD_NAMES)("train with %s", async (method) => {
    const more = ["bcp.pretraining=1", "densecl.iterations=2", "densecl.queue=8"];
    const { code, stderr } = await train(
      ...[`with-${method}`, "volumes", method],
      ...tinyArguments(
        ...SLICES,
        "model.neighbours=1",
        "data.unlabeledPerBatch=1",
        "validation.every=3",
        ...more,
      ),
    );
    expect(code, stderr).toBe(0);
  });

  it("are segmented one by one: a volume as each of its slices alone, wherever they are stored", async () => {
    const set = tinyArguments(
      ...SLICES,
      "data.normalization=none",
      "supervised.iterations=40",
      ...LEARNING.slice(1),
    );
    expect(await train("plain", "volumes", "supervised", ...set)).toMatchObject({ code: 0 });
    const scan = at("volumes/imagesTs/te0.nii.gz");
    const { grid, data } = await readVolume(scan);
    const [, height, width] = grid.shape;
    const probability = async (path: string, out: string) => {
      const given = ["--run", at("plain"), "--out", at(out), "--probabilities"];
      expect(await penumbra("predict", path, ...given)).toMatchObject({ code: 0 });
      return (await readVolume(at(out, `${out}_probability_left-ball.nii.gz`))).data;
    };
    await writeVolume(at("whole.nii.gz"), { grid, data });
    const whole = await probability(at("whole.nii.gz"), "whole");
    const plane = height * width;
    const slice = { ...grid, shape: [1, height, width] as const };
    await writeVolume(at("slice.nii.gz"), { grid: slice, data: data.slice(9 * plane, 10 * plane) });
    const alone = await probability(at("slice.nii.gz"), "slice");
    const apart = alone.map((value, i) => Math.abs(value - whole[9 * plane + i]!));
    expect(Math.max(...apart)).toBeLessThan(1e-5);
    expect(new Set(alone.map((value) => Math.round(100 * value))).size).toBeGreaterThan(5);
    const to = { axes: [2, 0, 1], reversed: [true, true, false] } as const;
    const turned = { grid: reorientGrid(grid, to), data: reorientVoxels(data, grid.shape, to) };
    await writeVolume(at("turned.nii.gz"), turned);
    expect(await probability(at("turned.nii.gz"), "turned")).toEqual(reorientVoxels(whole, grid.shape, to));
  });

  it("are told apart by their neighbours", async () => {
    const set = tinyArguments(...SLICES, "data.normalization=none", "model.neighbours=1");
    expect(await train("between", "volumes", "supervised", ...set)).toMatchObject({ code: 0 });
    const { grid, data } = await readVolume(at("volumes/imagesTs/te0.nii.gz"));
    const plane = grid.shape[1] * grid.shape[2];
    const other = data.slice();
    other.fill(300, 10 * plane, 11 * plane); // in the order of the file; slices run as in RAS
    const labels: Float32Array[] = [];
    for (const [name, voxels] of [
      ["one", data],
      ["two", other],
    ] as const) {
      await writeVolume(at(`${name}.nii.gz`), { grid, data: voxels });
      const given = ["--run", at("between"), "--out", at(`b-${name}`), "--probabilities"];
      expect(await penumbra("predict", at(`${name}.nii.gz`), ...given)).toMatchObject({ code: 0 });
      labels.push((await readVolume(at(`b-${name}`, `${name}_probability_left-ball.nii.gz`))).data);
    }
    const changed = Array.from({ length: grid.shape[0] }, (_, z) =>
      labels[0]!.subarray(z * plane, (z + 1) * plane).some((v, i) => v !== labels[1]![z * plane + i]),
    );
    expect(changed.flatMap((is, z) => (is ? [z] : []))).toEqual([9, 10, 11]);
  });

  it.each(["zyx", "xyz"])("leave their weights to others and take them back, axes %s", async (axes) => {
    const file = at(`${axes}.safetensors`);
    expect(await penumbra("export", "--run", at("between"), "--out", file, "--axes", axes)).toMatchObject({
      code: 0,
    });
    const importing = (out: string, ...more: string[]) =>
      penumbra(
        "import",
        file,
        "--out",
        at(out),
        "--set",
        "data.patchSize=[1,16,16]",
        "--set",
        "inference.stride=[1,8,8]",
        "--set",
        "data.normalization=none",
        "--set",
        "precision=fp32",
        ...more,
      );
    const back = await importing(`back-${axes}`, "--set", "model.neighbours=1");
    expect(back.code, back.stderr).toBe(0);
    const given = ["--run", at(`back-${axes}`), "--out", at(`back-${axes}-out`)];
    expect(await penumbra("predict", at("one.nii.gz"), ...given)).toMatchObject({ code: 0 });
    expect((await readLabelMap(at(`back-${axes}-out`, "one.nii.gz"))).data).toEqual(
      (await readLabelMap(at("b-one", "one.nii.gz"))).data,
    );
    const { code, stderr } = await importing(`odd-${axes}`, "--set", "model.neighbours=2");
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/takes 3 channels, not a multiple of the 5 slices/),
    ]);
  });

  it.each([
    [
      ["model.dimensions=2", "data.patchSize=[16,16,16]"],
      /expected one slice, \[1, H, W\], with model\.dimensions 2/,
    ],
    [
      ["model.dimensions=3", "data.patchSize=[1,16,16]"],
      /each a multiple of 16, got \[1,16,16\]; for slices add --set/,
    ],
    [["model.neighbours=1"], /"model\.neighbours": expected 0 with model\.dimensions 3, got 1/],
  ])("refuse %s", async (set, reason) => {
    const { code, stderr } = await train(
      "none",
      "volumes",
      "supervised",
      ...set.flatMap((one) => ["--set", one]),
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
  });

  it("derive the rest where only the dimensions are asked for", async () => {
    const { code, stderr } = await train(
      "derived",
      "volumes",
      "supervised",
      ...settings("model.dimensions=2"),
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/derived: data\.patchSize=\[1,16,16\] .*a slice at a time/);
  });
});
