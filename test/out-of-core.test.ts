import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBatch } from "../src/data/batch.js";
import { openCaseFile, type StoredCase, writeCaseFile } from "../src/data/case-file.js";
import type { CaseFiles } from "../src/data/dataset.js";
import type { PrepareOptions } from "../src/data/prepare.js";
import type * as Built from "../src/data/prepare-set.js";
import { type Triple, voxelCount } from "../src/volume/volume.js";
import { ball, putImage, putLabel } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-many-"));
afterAll(() => rmSync(dir, { recursive: true }));

const SHAPE: Triple = [96, 96, 96];
const CASES = 1000;
/** A thousand files of 4.4 MB each, which share their bytes on disk but not in anybody's memory. */
let stored: StoredCase[] = [];
beforeAll(() => {
  const voxels = voxelCount(SHAPE);
  const image = Float32Array.from({ length: voxels }, (_, i) => i % 1013);
  const label = Uint8Array.from(image, (value) => (value > 500 ? 1 : 0));
  const grid = { shape: SHAPE, spacingMm: null, affine: null };
  const first = join(dir, "case.safetensors");
  writeCaseFile(first, { id: "first", grid, storedGrid: grid, image, label, region: null });
  stored = Array.from({ length: CASES }, (_, i) => {
    const path = join(dir, `case${i}.safetensors`);
    linkSync(first, path);
    return openCaseFile(path, `case${i}`)!;
  });
});

/** How much more memory this process holds after batches from so many cases. */
function growthMb(cases: readonly StoredCase[]): number {
  const options = {
    labeled: cases.slice(0, cases.length / 2),
    unlabeled: cases.slice(cases.length / 2),
    patchSize: [32, 32, 32] as Triple,
    labeledPerBatch: 2,
    unlabeledPerBatch: 2,
    augment: { rotate90: true, flip: true },
    seed: 1,
  };
  const seen = new Set<string>();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 300; i++) for (const id of makeBatch(options, i).caseIds) seen.add(id);
  expect(seen.size).toBe(Math.min(cases.length, 1000));
  return (process.memoryUsage().rss - before) / 1e6;
}

describe("a training set larger than memory", () => {
  it("a thousand cases take the memory that ten take", () => {
    growthMb(stored.slice(0, 10)); // buffers and code that any run has
    const ten = growthMb(stored.slice(0, 10));
    const thousand = growthMb(stored);
    const whole = (CASES * voxelCount(SHAPE) * 5) / 1e6;
    expect(whole).toBeGreaterThan(4000);
    expect(thousand - ten).toBeLessThan(150);
  });
});

const DIST = resolve(import.meta.dirname, "../dist/data/prepare-set.js");
const built = existsSync(DIST);
const OPTIONS: PrepareOptions = { classes: 2, normalization: "z-score", regionMask: "positive" };

describe.skipIf(!built)(built ? "worker threads" : "worker threads (skipped: dist isn't built)", () => {
  const cases: CaseFiles[] = [];
  let set: typeof Built;
  beforeAll(async () => {
    set = (await import(pathToFileURL(DIST).href)) as typeof Built;
    for (let i = 0; i < 6; i++)
      cases.push({
        id: `w${i}`,
        imagePath: join(dir, await putImage(dir, `w${i}.nii.gz`, i)),
        labelPath: join(dir, await putLabel(dir, `w${i}_label.nii.gz`, ball(i).label)),
      });
  });
  const filesIn = (cache: string) =>
    existsSync(join(cache, "cases"))
      ? readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((file) => /safetensors$/.test(file))
      : [];

  it("prepare side by side what one thread prepares, in the cases' order", async () => {
    const options = (name: string, workers: number) => ({ cache: join(dir, name), workers });
    const together = await set.prepareSet(cases, OPTIONS, options("together", 3));
    const alone = await set.prepareSet(cases, OPTIONS, options("alone", 0));
    expect(together.map(({ id }) => id)).toEqual(cases.map(({ id }) => id));
    expect(filesIn(join(dir, "together")).sort()).toEqual(filesIn(join(dir, "alone")).sort());
    expect(together.map(({ grid }) => grid)).toEqual(alone.map(({ grid }) => grid));
  });

  it("hand a refusal on as one, and keep what the others did", async () => {
    const bad = { id: "bad", imagePath: join(dir, "nothing.nii.gz"), labelPath: null };
    await putImage(dir, "nothing.nii.gz", 1);
    await putLabel(dir, "nothing.nii.gz", new Uint8Array(18 * 20 * 22));
    const cache = join(dir, "refused");
    await expect(set.prepareSet([...cases, bad], OPTIONS, { cache, workers: 2 })).rejects.toMatchObject({
      code: "bad-input",
      message: expect.stringMatching(/nothing\.nii\.gz: every voxel/),
    });
    expect(filesIn(cache).length).toBeGreaterThanOrEqual(cases.length - 1);
  });

  it("stop at a signal, and go on later", async () => {
    const cache = join(dir, "interrupted");
    mkdirSync(cache);
    const controller = new AbortController();
    const stopping = set.prepareSet(cases, OPTIONS, {
      cache,
      workers: 2,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(stopping).rejects.toMatchObject({ code: "interrupted" });
    const kept = filesIn(cache).length;
    expect(kept).toBeGreaterThanOrEqual(1);
    expect(kept).toBeLessThan(cases.length);
    expect((await set.prepareSet(cases, OPTIONS, { cache, workers: 2 })).length).toBe(cases.length);
  });
});
