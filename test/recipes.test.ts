import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openDataset } from "../src/data/dataset.js";
import { meanAndDeviation } from "../src/data/normalize.js";
import { prepareRecipe, RECIPES } from "../src/recipes/prepare-recipe.js";
import { bytesOf, putSeries } from "../src/volume/made-up-dicom.testing.js";
import { readLabelMap, readVolume } from "../src/volume/read.js";
import { type Grid, type Triple, voxelCount } from "../src/volume/volume.js";
import { writeLabelMap, writeVolume } from "../src/volume/write.js";
import { penumbra } from "./command-line.js";
import { madeUpSet } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-recipes-"));
afterAll(() => rmSync(dir, { recursive: true }));
const gridOf = (shape: Triple, mm: Triple): Grid => ({
  shape,
  spacingMm: mm,
  affine: [-mm[2], 0, 0, 0, 0, -mm[1], 0, 0, 0, 0, mm[0], 0, 0, 0, 0, 1],
});
const count = (data: Uint8Array) => data.reduce((sum, value) => sum + value, 0);
/** Mean intensity where the label is 1. */
const inside = (image: Float32Array, label: Uint8Array) =>
  image.reduce((sum, value, i) => sum + (label[i] === 1 ? value : 0), 0) / count(label);

describe("la", () => {
  const raw = join(dir, "la-raw");
  const shape: Triple = [84, 150, 160];
  /** An atrium of 500 in 100, air 0; rows 60 to 70 of the label are at columns 90 to 110. */
  const put = async (id: string, shift: number) => {
    const image = new Float32Array(voxelCount(shape));
    const label = new Uint8Array(image.length);
    for (let i = 0; i < image.length; i++) {
      const [z, y, x] = [Math.floor(i / 24000), Math.floor(i / 160) % 150, i % 160];
      label[i] = z >= 30 && z < 50 && y >= 60 && y < 70 && x >= 90 + shift && x < 110 + shift ? 255 : 0;
      image[i] = label[i] ? 500 : x < 10 ? 0 : 100 + (i % 3);
    }
    const folder = join(raw, "Training Set", id);
    mkdirSync(folder, { recursive: true });
    const grid = gridOf(shape, [0.625, 0.625, 0.625]);
    await writeVolume(join(folder, "lgemri.nrrd"), { grid, data: image });
    await writeLabelMap(join(folder, "laendo.nrrd"), { grid, data: label });
  };

  it("cuts around the label, at least a patch with a margin, normalized over the whole scan", async () => {
    for (const [i, id] of ["CASEA", "CASEB", "CASEC"].entries()) await put(id, i);
    mkdirSync(join(raw, "Testing Set", "HIDDEN"), { recursive: true });
    const list = join(dir, "test.list");
    writeFileSync(list, "CASEB\n");
    const out = join(dir, "la");
    const options = { recipe: "la", raw, out, testList: list, workers: 0 };
    expect(await prepareRecipe(options)).toBe(3);
    const { labeled, test, classNames } = await openDataset(out);
    expect([labeled.map(({ id }) => id), test.map(({ id }) => id)]).toEqual([["CASEA", "CASEC"], ["CASEB"]]);
    expect(classNames).toEqual(["background", "left atrium"]);
    const image = await readVolume(labeled[0]!.imagePath);
    const label = await readLabelMap(labeled[0]!.labelPath!);
    const [depth, height, width] = image.grid.shape;
    expect(depth).toBe(80);
    for (const n of [height, width]) {
      expect(n).toBeGreaterThanOrEqual(112 + 20);
      expect(n).toBeLessThanOrEqual(112 + 40);
    }
    expect(count(label.data)).toBe(20 * 10 * 20);
    expect(inside(image.data, label.data)).toBeGreaterThan(5);
    expect(Math.abs(meanAndDeviation(image.data, null).mean)).toBeGreaterThan(0.001);
    expect(await prepareRecipe(options)).toBe(0);
    expect(test[0]!.labelPath).not.toBeNull();
  });
});

it("la follows links within its folder, and out of it only where that is allowed", async () => {
  const [linked, cache] = [join(dir, "la-linked"), join(dir, "la-linked-out")];
  mkdirSync(join(linked, "CASEA"), { recursive: true });
  for (const name of ["lgemri.nrrd", "laendo.nrrd"])
    symlinkSync(join(dir, "la-raw/Training Set/CASEA", name), join(linked, "CASEA", name));
  const find = (allowLinks: boolean) =>
    RECIPES.la!.find(linked, {
      testIds: null,
      scratch: cache,
      cache,
      workers: 0,
      allowLinks,
      set: [],
      onLook: () => {},
    });
  await expect(find(false)).rejects.toThrow(
    /a link that leads out of .*la-linked, to .*la-raw.*--allow-links/,
  );
  expect((await find(true)).members.map(({ files }) => files.id)).toEqual(["CASEA"]);
  symlinkSync(join(dir, "la-raw/Training Set/CASEB"), join(linked, "CASEB")); // a whole folder
  symlinkSync(linked, join(linked, "round and round"));
  symlinkSync(join(linked, "CASEA"), join(linked, "latest")); // found once
  await expect(find(false)).rejects.toThrow(/a link that leads out of .*la-linked/);
  expect((await find(true)).members.map(({ files }) => files.id)).toEqual(["CASEA", "CASEB"]);
});

describe("pancreas", () => {
  const raw = join(dir, "PANCREAS_2024-raw"); // a folder above is no case
  const [slices, rows, columns] = [60, 40, 48];
  const isOrgan = (z: number, y: number, x: number) =>
    z >= 8 && z < 14 && y >= 6 && y < 12 && x >= 20 && x < 32;
  const isBody = (y: number, x: number) => y >= 4 && y < 30 && x >= 6 && x < 42;
  const hu = (z: number, y: number, x: number) =>
    isOrgan(z, y, x) ? 80 : isBody(y, x) ? -100 + (x % 3) : -1000;

  /** A series as the archive lays it, and the label with its rows the other way round under a header that hides it. */
  async function put(n: number, { upsideDown = false } = {}): Promise<void> {
    const name = String(n).padStart(4, "0");
    const folder = join(raw, "Pancreas-CT", `PANCREAS_${name}`, "11-24-2015-PANCREAS", "Pancreas-23456");
    const pixels = (z: number) =>
      Int16Array.from(
        { length: rows * columns },
        (_, i) => hu(z, Math.floor(i / columns), i % columns) + 1024,
      );
    putSeries(folder, {
      slices,
      step: [0, 0, 2],
      change: (slice, dataset) => ({
        ...dataset,
        Rows: rows,
        Columns: columns,
        PixelSpacing: [1, 1],
        SliceThickness: 2,
        RescaleSlope: 1,
        RescaleIntercept: -1024,
        PixelData: bytesOf(pixels(slice)),
      }),
    });
    for (const file of await readdir(folder)) renameSync(join(folder, file), join(folder, `${file}.dcm`));
    const label = new Uint8Array(slices * rows * columns);
    for (let i = 0; i < label.length; i++) {
      const [z, y, x] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
      label[i] = isOrgan(upsideDown ? slices - 1 - z : z, rows - 1 - y, x) ? 1 : 0;
    }
    const labels = join(raw, "TCIA_pancreas_labels-02-05-2017");
    mkdirSync(labels, { recursive: true });
    const grid: Grid = { ...gridOf([slices, rows, columns], [2, 1, 1]), affine: null };
    await writeLabelMap(join(labels, `label${name}.nii.gz`), { grid, data: label });
  }

  it("lays the labels on the series, leaves 25 and 70 out, and prepares as the paper does", async () => {
    for (const n of [1, 2, 25, 70, 71, 80]) await put(n, { upsideDown: n === 71 });
    const out = join(dir, "pancreas");
    const notes: string[] = [];
    const onStatus = (line: string) => notes.push(line);
    expect(await prepareRecipe({ recipe: "pancreas", raw, out, workers: 0, onStatus })).toBe(4);
    expect(notes.join("\n")).toContain("labels are laid on the images rows reversed");
    expect(notes.join("\n")).toContain("pancreas_0071: its label is laid rows and slices reversed");
    expect(notes.join("\n")).not.toContain("look at these");
    const { labeled, test, modality } = await openDataset(out);
    expect(labeled.map(({ id }) => id)).toEqual(["pancreas_0001", "pancreas_0002", "pancreas_0071"]);
    expect([test.map(({ id }) => id), modality]).toEqual([["pancreas_0080"], "CT"]);
    for (const { imagePath, labelPath } of [...labeled, ...test]) {
      const { data } = await readVolume(imagePath);
      const most = data.reduce((a, b) => Math.max(a, b));
      expect(inside(data, (await readLabelMap(labelPath!)).data)).toBeGreaterThan(0.9 * most);
    }
    const image = await readVolume(labeled[0]!.imagePath);
    const label = await readLabelMap(labeled[0]!.labelPath!);
    expect(image.grid.spacingMm).toEqual([1, 1, 1]);
    expect(image.grid.shape).toEqual([96, 40, 48]); // 120 mm along z, cut; the rest is smaller than a patch
    expect(count(label.data)).toBe(12 * 6 * 12);
    const { mean, deviation } = meanAndDeviation(image.data, null);
    expect(mean).toBeCloseTo(0, 4);
    expect(deviation).toBeCloseTo(1, 4);
    expect(image.data.reduce((a, b) => Math.min(a, b))).toBeGreaterThan(-3);
    const shares = join(out, ".prepared/tissue");
    for (const name of readdirSync(shares)) writeFileSync(join(shares, name), "[]");
    expect(await prepareRecipe({ recipe: "pancreas", raw, out, workers: 0 })).toBe(0);
  });

  it("refuses labels that lie nowhere, a second series, images without their label, and a folder of something else", async () => {
    const out = join(dir, "pancreas-bad");
    const series = join(raw, "Pancreas-CT", "PANCREAS_0001", "11-24-2015-PANCREAS", "Pancreas-23456");
    const options = { recipe: "pancreas", raw, out, workers: 0 };
    const labels = join(raw, "TCIA_pancreas_labels-02-05-2017");
    const { grid } = await readLabelMap(join(labels, "label0001.nii.gz"));
    cpSync(labels, join(dir, "labels"), { recursive: true });
    const everywhere = new Uint8Array(voxelCount(grid.shape)).fill(1);
    for (const n of [1, 2, 71, 80])
      await writeLabelMap(join(labels, `label00${String(n).padStart(2, "0")}.nii.gz`), {
        grid,
        data: everywhere,
      });
    await expect(prepareRecipe(options)).rejects.toThrow(/no way to lay the labels on the images puts 70 %/);
    cpSync(join(dir, "labels"), labels, { recursive: true });
    const second = join(dirname(series), "Pancreas-2");
    cpSync(series, second, { recursive: true });
    await expect(prepareRecipe(options)).rejects.toThrow(/is a second series of case 1, beside/);
    rmSync(second, { recursive: true });
    await put(3);
    rmSync(join(labels, "label0003.nii.gz"));
    await expect(prepareRecipe(options)).rejects.toThrow(/images of case 3 but no label0003\.nii\.gz/);
    const other = { recipe: "pancreas", raw: join(dir, "la-raw"), out: join(dir, "none"), workers: 0 };
    await expect(prepareRecipe(other)).rejects.toThrow(/holds no PANCREAS_/);
  });
});

describe("decathlon and colon", () => {
  const task = join(dir, "Task99_Ball");
  const archive = `${task}.tar`;
  const damaged = join(dir, "damaged");
  mkdirSync(damaged);
  writeFileSync(join(damaged, "preparation.json"), "{");

  it("prepares an archive as its fingerprint suggests, keeping the owners' split", async () => {
    await madeUpSet(task, { labeled: 3, unlabeled: 0, testLabels: false });
    cpSync(join(task, "imagesTr/tr0.nii.gz"), join(task, "imagesTr/._tr0.nii.gz"));
    execFileSync("tar", ["-cf", archive, "-C", dir, "Task99_Ball"]);
    const out = join(dir, "ball");
    const { code, stderr } = await penumbra(
      "prepare",
      "--recipe",
      "decathlon",
      "--in",
      archive,
      "--out",
      out,
      "--workers",
      "0",
    );
    expect(stderr).toContain("derived: data.normalization=");
    expect(stderr).toContain(`prepared: ${out} (5 cases made`);
    expect(code).toBe(0);
    const { labeled, test } = await openDataset(out);
    expect([labeled.length, test.map(({ labelPath }) => labelPath)]).toEqual([3, [null, null]]);
    expect(existsSync(join(out, ".prepared/unpacked"))).toBe(false);
    const { mean } = meanAndDeviation((await readVolume(labeled[0]!.imagePath)).data, null);
    expect(mean).toBeCloseTo(0, 4);
  });

  it("colon: a fifth of the labeled cases becomes the test set; a setting can be changed", async () => {
    const out = join(dir, "colon");
    const options = { recipe: "colon", raw: task, out, workers: 0 };
    expect(await prepareRecipe({ ...options, set: ["data.spacingMm=[2,2,2]"] })).toBe(3);
    const { labeled, test } = await openDataset(out);
    expect([labeled.length, test.length]).toEqual([2, 1]);
    expect(test[0]!.labelPath).not.toBeNull();
    const { grid } = await readVolume(labeled[0]!.imagePath);
    expect(grid.spacingMm).toEqual([2, 2, 2]);
    expect(grid.shape).toEqual([18, 10, 17]); // 36 x 20 x 33 mm
  });

  it("fills the cache for a method that needs no unlabeled scans", async () => {
    const given = ["--data", task, "--cache", join(dir, "cache"), "--workers", "0"];
    const refused = await penumbra("prepare", ...given);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("use --method supervised")]);
    const { code, stderr } = await penumbra(
      "prepare",
      ...given,
      "--method",
      "supervised",
      "--set",
      "data.labeledPerBatch=3",
    );
    expect(stderr).toContain("prepared: 3 training cases");
    expect(stderr).toContain("derived: data.unlabeledPerBatch=");
    expect(stderr).not.toContain("derived: data.labeledPerBatch=");
    expect(code).toBe(0);
  });

  it("goes on where it was stopped, and makes again only what another setting changes", async () => {
    const out = join(dir, "stopped");
    const controller = new AbortController();
    const stopped = prepareRecipe({
      recipe: "colon",
      raw: task,
      out,
      workers: 0,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: "interrupted" });
    expect(existsSync(join(out, "dataset.json"))).toBe(false);
    const options = { recipe: "colon", raw: task, out, workers: 0 };
    expect(await prepareRecipe(options)).toBe(2);
    const first = join(out, "imagesTr/tr0.nii.gz");
    const before = statSync(first).mtimeMs;
    expect(await prepareRecipe(options)).toBe(0);
    expect(statSync(first).mtimeMs).toBe(before);
    expect(await prepareRecipe({ ...options, set: ["data.normalization=none"] })).toBe(3);
    expect(JSON.parse(readFileSync(join(out, "preparation.json"), "utf8"))).toMatchObject({
      recipe: "colon",
      finished: true,
      preparation: { normalization: "none", windowHu: [-125, 275] },
    });
  });

  it("vouches for no file of other settings or another place, however it was stopped", async () => {
    const out = join(dir, "torn");
    const options = { recipe: "colon", raw: task, out, workers: 0 };
    const other = { ...options, set: ["data.normalization=none"] };
    await prepareRecipe(options);
    const of = (name: string) => readFileSync(join(out, name));
    const first = of("imagesTr/tr0.nii.gz");
    const label = join(out, "labelsTr/tr0.nii.gz");
    rmSync(label);
    mkdirSync(label); // no label map can be written: stopped between image and label
    await expect(prepareRecipe(other)).rejects.toThrow();
    expect(existsSync(join(out, "dataset.json"))).toBe(false);
    rmSync(label, { recursive: true });
    writeFileSync(label, "");
    await prepareRecipe(options);
    expect(of("imagesTr/tr0.nii.gz").equals(first)).toBe(true);

    const moved = join(dir, "moved.txt");
    writeFileSync(moved, "tr0\n");
    await prepareRecipe({ ...other, testList: moved });
    await prepareRecipe(other);
    expect(of("imagesTr/tr0.nii.gz").equals(first)).toBe(false);
  });

  it("leaves nothing of another split or of cases that are gone, and keeps what others put there", async () => {
    const [raw, out, list] = [join(dir, "shrinking"), join(dir, "split-again"), join(dir, "again.txt")];
    cpSync(task, raw, { recursive: true });
    const options = { recipe: "colon", raw, out, testList: list, workers: 0 };
    writeFileSync(list, "tr2\n");
    await prepareRecipe(options);
    const own = join(out, "labelsTs/tr1.nii.gz");
    writeFileSync(own, "a person's");
    const corrected = join(out, "labelsTs/tr2.nii.gz");
    writeFileSync(corrected, "a person's, too");
    writeFileSync(list, "tr0\n");
    const json = JSON.parse(readFileSync(join(raw, "dataset.json"), "utf8"));
    writeFileSync(
      join(raw, "dataset.json"),
      JSON.stringify({ ...json, training: json.training.slice(0, 2), test: [] }),
    );
    const said: string[] = [];
    await prepareRecipe({ ...options, onStatus: (line) => said.push(line) });
    expect(said).toContain("removed 3 files of another split or of cases that are gone");
    expect(said.find((line) => line.startsWith(corrected))).toContain(
      "changed since it was written: it stays",
    );
    expect(readFileSync(corrected, "utf8")).toBe("a person's, too");
    const names = (folder: string) => readdirSync(join(out, folder));
    expect([names("imagesTr"), names("labelsTr")]).toEqual([["tr1.nii.gz"], ["tr1.nii.gz"]]);
    expect([names("imagesTs"), names("labelsTs").sort()]).toEqual([
      ["tr0.nii.gz"],
      ["tr0.nii.gz", "tr1.nii.gz", "tr2.nii.gz"],
    ]);
    expect(readFileSync(own, "utf8")).toBe("a person's");
    expect((await openDataset(out)).remarks).toEqual([]);
  });

  it("begins nothing for raw data that are not there", async () => {
    const out = join(dir, "mistyped");
    const raw = join(dir, "no-such-archive.tar");
    const refused = prepareRecipe({ recipe: "colon", raw, out, workers: 0 });
    await expect(refused).rejects.toThrow(/no-such-archive\.tar: no such file or folder; .*--in/);
    expect(existsSync(out)).toBe(false);
  });

  it("leaves nothing in a new directory of what it refuses, so that another recipe may begin there", async () => {
    const out = join(dir, "refused");
    const refused = (recipe: string, set: string[] = []) =>
      expect(prepareRecipe({ recipe, raw: task, out, workers: 0, set })).rejects.toMatchObject({
        code: "bad-input",
      });
    await refused("la");
    await refused("decathlon", ["data.foo=1"]);
    expect(existsSync(out)).toBe(false);
    mkdirSync(out);
    await refused("la");
    expect(readdirSync(out)).toEqual([]);
    expect(await prepareRecipe({ recipe: "colon", raw: task, out, workers: 0 })).toBe(3);
  });

  it("keeps sets apart, and what is said of one that is whole", async () => {
    const out = join(dir, "colon");
    const note = readFileSync(join(out, "preparation.json"), "utf8");
    const elsewhere = prepareRecipe({ recipe: "colon", raw: archive, out, workers: 0 });
    await expect(elsewhere).rejects.toThrow(/was made from .*Task99_Ball, not from .*Task99_Ball\.tar/);
    const all = join(dir, "all.txt");
    writeFileSync(all, "tr0\ntr1\ntr2\n");
    const none = prepareRecipe({ recipe: "colon", raw: task, out, workers: 0, testList: all });
    await expect(none).rejects.toThrow(/names all 3 cases, so none is left to train on/);
    const misspelled = prepareRecipe({ recipe: "colon", raw: task, out, workers: 0, set: ["data.foo=1"] });
    await expect(misspelled).rejects.toThrow(/unknown config key "data\.foo"/);
    expect(readFileSync(join(out, "preparation.json"), "utf8")).toBe(note);
  });

  it.each<[string, string[], RegExp]>([
    [
      "a directory with other content",
      ["--recipe", "colon", "--in", task, "--out", dir],
      /is not empty and was not begun/,
    ],
    [
      "a directory whose note of what began it is damaged",
      ["--recipe", "colon", "--in", task, "--out", damaged],
      /damaged is not empty and was not begun/,
    ],
    [
      "raw data that is not there",
      ["--recipe", "colon", "--in", join(dir, "nowhere"), "--out", join(dir, "x1")],
      /nowhere: no such file or folder/,
    ],
    [
      "a damaged archive",
      ["--recipe", "colon", "--in", join(dir, "broken.tar"), "--out", join(dir, "x2")],
      /broken\.tar: can't be unpacked/,
    ],
    ["no recipe", ["--out", join(dir, "x3")], /--recipe is missing/],
  ])("refuses %s", async (_, args, reason) => {
    writeFileSync(join(dir, "broken.tar"), "no archive at all".repeat(99));
    const { code, stderr } = await penumbra("prepare", ...args);
    expect(stderr).toMatch(reason);
    expect(code).toBe(2);
  });
});
