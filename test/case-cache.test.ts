import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Batch, makeBatch } from "../src/data/batch.js";
import { findPrepared, prepareIntoCache } from "../src/data/case-cache.js";
import { readCaseBox } from "../src/data/case-file.js";
import { contentHash, rememberedHash } from "../src/data/content-hash.js";
import type { CaseFiles } from "../src/data/dataset.js";
import { type PrepareOptions, prepareCase } from "../src/data/prepare.js";
import { prepareSet } from "../src/data/prepare-set.js";
import { readSafetensors } from "../src/training/safetensors.js";
import { ball, putImage, putLabel } from "./made-up-data.js";

let dir = "";
const cases: CaseFiles[] = [];
const OPTIONS: PrepareOptions = { classes: 2, normalization: "z-score", regionMask: "positive" };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "penumbra-cases-"));
  for (const id of ["a", "b", "c"]) {
    const seed = id.charCodeAt(0);
    cases.push({
      id,
      imagePath: join(dir, await putImage(dir, `${id}.nii.gz`, seed)),
      labelPath: id === "c" ? null : join(dir, await putLabel(dir, `${id}_label.nii.gz`, ball(seed).label)),
    });
  }
});
afterAll(() => rm(dir, { recursive: true }));
const cacheAt = (name: string) => join(dir, "caches", name);
const filesIn = (cache: string) =>
  readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".safetensors"));

/** A batch that compares quickly. */
const bytesOf = ({ images, labels, region, ...rest }: Batch) => ({
  ...rest,
  hashes: [images, labels, region].map((data) =>
    createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex"),
  ),
});

function refusalOf(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    return error;
  }
}

describe("a case in a file", () => {
  it("holds the bytes of the prepared case, for any safetensors reader", async () => {
    const stored = await prepareIntoCache(cases[0]!, OPTIONS, cacheAt("bytes"));
    const prepared = await prepareCase(cases[0]!, OPTIONS);
    const { tensors } = readSafetensors(stored.path);
    expect(tensors.get("image")!.shape).toEqual(prepared.grid.shape);
    for (const name of ["image", "label", "region"] as const)
      expect(Buffer.from(tensors.get(name)!.data.buffer).equals(Buffer.from(prepared[name]!.buffer))).toBe(
        true,
      );
    expect(stored.grid).toEqual(JSON.parse(JSON.stringify(prepared.grid)));
  });

  it("gives a box as the whole array holds it, and null for what it lacks", async () => {
    const stored = await prepareIntoCache(cases[2]!, { ...OPTIONS, regionMask: "all" }, cacheAt("bytes"));
    const { image } = await prepareCase(cases[2]!, OPTIONS);
    const box = { start: [3, 0, 5], end: [6, 20, 9] } as const;
    const found = readCaseBox(stored, ["image", "label", "region"], box);
    expect([found.label, found.region]).toEqual([null, null]);
    const expected: number[] = [];
    for (let z = 3; z < 6; z++)
      for (let y = 0; y < 20; y++) for (let x = 5; x < 9; x++) expected.push(image[(z * 20 + y) * 22 + x]!);
    expect([...found.image!]).toEqual(expected);
  });

  it("makes the very batches that cases in memory make, padded and turned too", async () => {
    const stored = await prepareSet(cases, OPTIONS, { cache: cacheAt("bytes"), workers: 0 });
    const memory = await Promise.all(cases.map((files) => prepareCase(files, OPTIONS)));
    for (const patchSize of [
      [8, 8, 16],
      [32, 16, 32],
    ] as const) {
      const options = (all: readonly (typeof stored)[number][] | typeof memory) => ({
        labeled: all.slice(0, 2),
        unlabeled: all.slice(2),
        patchSize,
        labeledPerBatch: 2,
        unlabeledPerBatch: 1,
        augment: { rotate90: true, flip: true },
        seed: 3,
      });
      for (let i = 0; i < 12; i++)
        expect(bytesOf(makeBatch(options(stored), i))).toEqual(bytesOf(makeBatch(options(memory), i)));
    }
  });

  it("says so when it is gone or cut short, and is prepared again", async () => {
    const cache = cacheAt("damaged");
    const stored = await prepareIntoCache(cases[0]!, OPTIONS, cache);
    truncateSync(stored.path, 5000);
    const whole = { start: [0, 0, 0], end: stored.grid.shape } as const;
    expect(() => readCaseBox(stored, ["image"], whole)).toThrow(/cut short/);
    expect(await findPrepared(cases[0]!, OPTIONS, cache)).toBeNull();
    const [old, fresh] = [`${stored.path}.1.tmp`, `${stored.path}.2.tmp`]; // of stopped preparations
    for (const part of [old, fresh]) writeFileSync(part, "half");
    utimesSync(old, 0, Date.now() / 1000 - 90_000);
    const again = await prepareIntoCache(cases[0]!, OPTIONS, cache);
    expect(readCaseBox(again, ["image"], whole).image!.length).toBe(18 * 20 * 22);
    expect([old, fresh].map((part) => existsSync(part))).toEqual([false, true]);
    await rm(again.path);
    expect(() => readCaseBox(again, ["image"], whole)).toThrow(/is gone/);
    const gone = { labeled: [again], unlabeled: [], labeledPerBatch: 1, unlabeledPerBatch: 0 };
    const augment = { rotate90: false, flip: false };
    expect(refusalOf(() => makeBatch({ ...gone, patchSize: [8, 8, 8], augment, seed: 1 }, 0))).toMatchObject({
      code: "bad-input",
      message: expect.stringMatching(/^batch: iteration 0, case a: .* is gone/),
    });
  });
});

describe("the cache", () => {
  it("prepares once: a second pass finds every case and does nothing", async () => {
    const cache = cacheAt("once");
    const told: string[] = [];
    const onProgress = (done: number, total: number, id: string) => told.push(`${done}/${total} ${id}`);
    const first = await prepareSet(cases, OPTIONS, { cache, workers: 0, onProgress });
    expect(told).toEqual(["1/3 a", "2/3 b", "3/3 c"]);
    expect(await prepareSet(cases, OPTIONS, { cache, workers: 0, onProgress })).toEqual(first);
    expect(told.length).toBe(3);
  });

  it.each<[string, Partial<PrepareOptions>]>([
    ["normalization", { normalization: "z-score-foreground" }],
    ["window", { windowHu: [0, 100] }],
    ["percentiles", { windowPercentiles: [1, 99] }],
    ["spacing", { spacingMm: [2, 2, 2] }],
    ["crop", { crop: "foreground" }],
    ["classes", { classes: 3 }],
    ["region", { regionMask: "all" }],
  ])("keeps another %s apart", async (name, change) => {
    const cache = cacheAt(`apart-${name}`);
    const before = await prepareIntoCache(cases[0]!, OPTIONS, cache);
    expect(await findPrepared(cases[0]!, { ...OPTIONS, ...change }, cache)).toBeNull();
    const after = await prepareIntoCache(cases[0]!, { ...OPTIONS, ...change }, cache);
    expect(after.path).not.toBe(before.path);
    expect(await findPrepared(cases[0]!, OPTIONS, cache)).toEqual(before);
  });

  it("keeps one crop apart from another", async () => {
    const cache = cacheAt("crops");
    await prepareIntoCache(cases[0]!, { ...OPTIONS, crop: "foreground" }, cache);
    expect(await findPrepared(cases[0]!, { ...OPTIONS, crop: "label-box" }, cache)).toBeNull();
  });

  it("written-out defaults are the same settings", async () => {
    const cache = cacheAt("defaults");
    await prepareIntoCache(cases[0]!, OPTIONS, cache);
    const same: PrepareOptions = {
      ...OPTIONS,
      windowHu: null,
      spacingMm: null,
      crop: "none",
      cropMargin: [3, 3, 3],
      normalizeOver: "volume",
    };
    expect(await findPrepared(cases[0]!, same, cache)).not.toBeNull();
  });

  it("sees a changed image and a changed label, and knows the same content by another name", async () => {
    const cache = cacheAt("content");
    const copy: CaseFiles = {
      id: "copy",
      imagePath: join(dir, "copy.nii.gz"),
      labelPath: join(dir, "copy_l.nii.gz"),
    };
    await cp(cases[0]!.imagePath, copy.imagePath);
    await cp(cases[0]!.labelPath!, copy.labelPath!);
    await prepareIntoCache(cases[0]!, OPTIONS, cache);
    expect((await prepareIntoCache(copy, OPTIONS, cache)).id).toBe("copy");
    expect(filesIn(cache).length).toBe(1);
    await putLabel(dir, "copy_l.nii.gz", ball(9).label);
    await prepareIntoCache(copy, OPTIONS, cache);
    await putImage(dir, "copy.nii.gz", 5);
    await prepareIntoCache(copy, OPTIONS, cache);
    expect(filesIn(cache).length).toBe(3);
  });

  it("stops when it is told to and goes on where it was", async () => {
    const cache = cacheAt("stopped");
    const controller = new AbortController();
    const stopping = prepareSet(cases, OPTIONS, {
      cache,
      workers: 0,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(stopping).rejects.toMatchObject({
      code: "interrupted",
      message: expect.stringMatching(/1 of 3/),
    });
    expect(filesIn(cache).length).toBe(1);
    const told: number[] = [];
    await prepareSet(cases, OPTIONS, { cache, workers: 0, onProgress: (_, total) => told.push(total) });
    expect(told).toEqual([2, 2]);
  });
});

describe("contentHash", () => {
  it("is remembered until the file is touched", async () => {
    const [file, memory] = [join(dir, "some.nii"), join(dir, "memory")];
    await writeFile(file, "one");
    expect(await rememberedHash(file, memory)).toBeNull();
    const one = await contentHash(file, memory);
    expect(await rememberedHash(file, memory)).toBe(one);
    appendFileSync(file, "more");
    expect(await rememberedHash(file, memory)).toBeNull();
    expect(await contentHash(file, memory)).not.toBe(one);
    await writeFile(file, "one");
    await utimes(file, new Date(), new Date());
    expect(await contentHash(file, memory)).toBe(one);
  });
});
