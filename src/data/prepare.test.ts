import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Grid, Triple } from "../volume/volume.js";
import { writeLabelMap, writeVolume } from "../volume/write.js";
import { type PrepareOptions, prepareCase } from "./prepare.js";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "penumbra-prepare-"));
});
afterAll(() => rm(dir, { recursive: true }));

const OPTIONS: PrepareOptions = { classes: 2, normalization: "none", regionMask: "positive" };
const grid = (shape: Triple = [4, 4, 4], moveMm = 0): Grid => ({
  shape,
  spacingMm: [2, 2, 2],
  affine: [2, 0, 0, moveMm, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1],
});
const numbers = Array.from({ length: 64 }, (_, i) => i - 10);

async function put(image: number[], label: number[] | null, labelGrid = grid(), imageGrid = grid()) {
  const files = {
    id: "x",
    imagePath: join(dir, "image.nii.gz"),
    labelPath: label && join(dir, "label.nii.gz"),
  };
  await writeVolume(files.imagePath, { grid: imageGrid, data: Float32Array.from(image) });
  if (files.labelPath)
    await writeLabelMap(files.labelPath, { grid: labelGrid, data: Uint8Array.from(label!) });
  return files;
}
const zeros = (n = 64) => Array<number>(n).fill(0);

describe("prepareCase", () => {
  it("takes the region from stored intensities, before clipping", async () => {
    const files = await put(numbers, null);
    const prepared = await prepareCase(files, { ...OPTIONS, windowHu: [-5, 5] });
    expect([...prepared.region!]).toEqual(numbers.map((value) => (value > 0 ? 1 : 0)));
    expect([...prepared.image]).toEqual(numbers.map((value) => Math.min(5, Math.max(-5, value))));
    expect(prepared.label).toBeNull();
    expect((await prepareCase(files, { ...OPTIONS, regionMask: "all" })).region).toBeNull();
  });

  it("lies on shared memory and keeps label and grid", async () => {
    const label = zeros().fill(1, 5, 9);
    const prepared = await prepareCase(await put(numbers, label), OPTIONS);
    for (const { buffer } of [prepared.image, prepared.label!, prepared.region!]) {
      expect(buffer).toBeInstanceOf(SharedArrayBuffer);
    }
    expect([...prepared.label!]).toEqual(label);
    expect(prepared.grid).toMatchObject(grid());
  });

  it("brings image and label to RAS order; a label that doesn't say how it lies, lies as its image does", async () => {
    const lps: Grid = { ...grid(), affine: [-2, 0, 0, 500, 0, -2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1] };
    const label = zeros().fill(1, 5, 9);
    /** x and y the other way round */
    const turned = (values: number[]) => values.map((_, i) => values[(i & ~15) + 15 - (i & 15)]!);
    const bare: Grid = { ...grid(), affine: null };
    for (const labelGrid of [lps, bare]) {
      const prepared = await prepareCase(await put(numbers, label, labelGrid, lps), OPTIONS);
      expect([...prepared.image]).toEqual(turned(numbers));
      expect([...prepared.label!]).toEqual(turned(label));
      expect(prepared.storedGrid.affine).toEqual(lps.affine);
    }
    const prepared = await prepareCase(await put(numbers, label, lps, lps), {
      ...OPTIONS,
      axisOrder: "stored",
    });
    expect([[...prepared.image], [...prepared.label!]]).toEqual([numbers, label]);
  });

  it("turns a label as its image where rounding puts axes halfway between the patient's nearer to others", async () => {
    const half = Math.SQRT1_2;
    const turnedBy = (cos: number, sin: number): Grid => ({
      ...grid([4, 5, 6]),
      spacingMm: [1, 1, 1],
      affine: [cos, -sin, 0, 0, sin, cos, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    });
    const [own, other] = [turnedBy(half + 1e-5, half), turnedBy(half, half + 1e-5)];
    const values = Array.from({ length: 120 }, (_, i) => i);
    for (const [imageGrid, labelGrid] of [
      [own, other],
      [other, own],
    ] as const) {
      const { image, label } = await prepareCase(await put(values, values, labelGrid, imageGrid), {
        ...OPTIONS,
        classes: 120,
      });
      expect([...label!]).toEqual([...image]);
    }
  });

  it("turns a label of two slices that is stored the other way round", async () => {
    const image = grid([2, 16, 16]);
    const upsideDown = { ...image, affine: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, -2, 2, 0, 0, 0, 1] };
    const files = await put(
      zeros(512).map((_, i) => i),
      zeros(512).fill(1, 0, 256),
      upsideDown,
      image,
    );
    const { label } = await prepareCase(files, OPTIONS);
    expect([...label!]).toEqual(zeros(512).fill(1, 256));
  });

  it("refuses a label of another shape, elsewhere, or with a class too many", async () => {
    const shape = await put(numbers, zeros(80), grid([4, 4, 5]));
    await expect(prepareCase(shape, OPTIONS)).rejects.toThrow(
      /label\.nii\.gz: label is \[4, 4, 5\] but its image .*image\.nii\.gz is \[4, 4, 4\]/,
    );
    const moved = await put(numbers, zeros(), grid([4, 4, 4], 3));
    await expect(prepareCase(moved, OPTIONS)).rejects.toThrow(/lies up to 3\.00 mm from its image/);
    const wrong = await put(numbers, zeros().fill(2, 7, 8));
    await expect(prepareCase(wrong, OPTIONS)).rejects.toThrow(
      /holds class 2 at voxel \(3, 1, 0\).*; expected 0 to 1/,
    );
  });

  it("lets half a voxel pass, and a label that stores no place", async () => {
    await prepareCase(await put(numbers, zeros(), grid([4, 4, 4], 1)), OPTIONS);
    await prepareCase(await put(numbers, zeros(), { ...grid(), affine: null }, grid([4, 4, 4], 50)), OPTIONS);
  });

  it("refuses voxels that are not finite, and a constant image", async () => {
    const broken = [...numbers];
    [broken[3], broken[9]] = [Number.NaN, Number.POSITIVE_INFINITY];
    await expect(prepareCase(await put(broken, null), OPTIONS)).rejects.toThrow(
      /image\.nii\.gz: 2 of 64 voxels are not finite/,
    );
    await expect(prepareCase(await put(zeros(), null), OPTIONS)).rejects.toThrow(/every voxel is 0/);
  });
});

/** 12 x 16 x 20 voxels of 2 x 1 x 1 mm: air with a little noise, a body, and in it an organ (label 1). */
function body() {
  const shape: Triple = [12, 16, 20];
  const image = new Float32Array(12 * 16 * 20);
  const label = new Uint8Array(image.length);
  for (let i = 0; i < image.length; i++) {
    const [z, y, x] = [Math.floor(i / 320), Math.floor(i / 20) % 16, i % 20];
    const inBody = z >= 2 && z < 11 && y >= 3 && y < 13 && x >= 4 && x < 17;
    label[i] = z >= 5 && z < 8 && y >= 6 && y < 9 && x >= 8 && x < 12 ? 1 : 0;
    image[i] = label[i] ? 90 : inBody ? 40 + ((i * 7) % 5) : -1000 + ((i * 13) % 20);
  }
  const grid: Grid = {
    shape,
    spacingMm: [2, 1, 1],
    affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1],
  };
  return { image: [...image], label: [...label], grid };
}

describe("prepareCase, resampled and cut", () => {
  const put_ = async (hasLabel: boolean) => {
    const { image, label, grid: own } = body();
    return put(image, hasLabel ? label : null, own, own);
  };

  it("resamples image, label and region to a spacing", async () => {
    const files = await put_(true);
    const prepared = await prepareCase(files, { ...OPTIONS, spacingMm: [1, 1, 2] });
    expect(prepared.grid).toMatchObject({ shape: [24, 16, 10], spacingMm: [1, 1, 2] });
    const size = 24 * 16 * 10;
    expect([prepared.image.length, prepared.label!.length, prepared.region!.length]).toEqual([
      size,
      size,
      size,
    ]);
    const organ = prepared.label!.reduce((sum, value) => sum + value, 0);
    expect(organ).toBe(3 * 3 * 4); // as many mm³ / 2 as before: 36 voxels of 2 mm³ each way
    const cubic = await prepareCase(files, { ...OPTIONS, spacingMm: [1, 1, 2], imageInterpolation: "cubic" });
    expect(cubic.image).not.toEqual(prepared.image);
  });

  it("refuses a voxel size of other units, of which resampling makes too many voxels or one", async () => {
    const files = await put_(true);
    for (const [spacing, shape] of [
      [0.001, "24000, 16000, 20000"],
      [1000, "1, 1, 1"],
    ] as const) {
      const options = { ...OPTIONS, spacingMm: [spacing, spacing, spacing] as const };
      const prepared = prepareCase(files, options);
      await expect(prepared).rejects.toMatchObject({ code: "bad-input" });
      await expect(prepared).rejects.toThrow(
        `image.nii.gz: [12, 16, 20] voxels of 2 x 1 x 1 mm would become [${shape}] of ${spacing} x`,
      );
    }
  });

  it("keeps the body only, from the image alone, and enlarges it to a patch where there is room", async () => {
    const { grid, placement } = await prepareCase(await put_(false), { ...OPTIONS, crop: "foreground" });
    expect(placement!.box).toEqual({ start: [2, 3, 4], end: [11, 13, 17] });
    expect(grid.shape).toEqual([9, 10, 13]);
    expect(grid.affine!.filter((_, i) => i % 4 === 3)).toEqual([4, 3, 4, 1]);
    const more = {
      ...OPTIONS,
      crop: "foreground",
      cropMargin: [0, 1, 2],
      cropAtLeast: [16, 16, 16],
    } as const;
    const { placement: wide } = await prepareCase(await put_(false), more);
    expect(wide!.box).toEqual({ start: [0, 0, 2], end: [12, 16, 19] });
  });

  it("cuts to the label's box where there is a label, and keeps all of a case without one", async () => {
    const options = { ...OPTIONS, crop: "label-box", cropMargin: [1, 1, 1] } as const;
    const { placement, label } = await prepareCase(await put_(true), options);
    expect(placement!.box).toEqual({ start: [4, 5, 7], end: [9, 10, 13] });
    expect(label!.reduce((sum, value) => sum + value, 0)).toBe(36);
    expect((await prepareCase(await put_(false), options)).grid.shape).toEqual([12, 16, 20]);
  });

  it("takes mean and deviation over the volume or over what is left", async () => {
    const files = await put_(true);
    const options = { ...OPTIONS, normalization: "z-score", crop: "label-box" } as const;
    const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const wide = { ...options, cropMargin: [1, 1, 1] } as const;
    expect(mean((await prepareCase(files, { ...wide, normalizeOver: "crop" })).image)).toBeCloseTo(0, 5);
    expect(mean((await prepareCase(files, wide)).image)).toBeGreaterThan(0.5);
  });

  it("clips to percentiles of the volume", async () => {
    const { image } = await prepareCase(await put_(false), { ...OPTIONS, windowPercentiles: [50, 99] });
    expect(Math.max(...image)).toBeLessThan(90);
    expect(Math.min(...image)).toBeGreaterThan(-1000);
  });
});
