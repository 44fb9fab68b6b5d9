import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Grid, Triple } from "../volume/volume.js";
import { writeLabelMap, writeVolume } from "../volume/write.js";
import { type PrepareOptions, prepareCase, prepareCases } from "./prepare.js";

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

  it("refuses a label of another shape, elsewhere, or with a class too many", async () => {
    const shape = await put(numbers, zeros(80), grid([4, 4, 5]));
    await expect(prepareCase(shape, OPTIONS)).rejects.toThrow(
      /label\.nii\.gz: label is \[4, 4, 5\] but its image .*image\.nii\.gz is \[4, 4, 4\]/,
    );
    const moved = await put(numbers, zeros(), grid([4, 4, 4], 3));
    await expect(prepareCase(moved, OPTIONS)).rejects.toThrow(/lies up to 3\.00 mm from its image/);
    const wrong = await put(numbers, zeros().fill(2, 7, 8));
    await expect(prepareCase(wrong, OPTIONS)).rejects.toThrow(/holds class 2 at voxel 7; expected 0 to 1/);
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

  it("prepareCases keeps the order and tells how far it is", async () => {
    const files = await put(numbers, null);
    const told: string[] = [];
    const cases = [files, { ...files, id: "y" }];
    const prepared = await prepareCases(cases, OPTIONS, (done, total, id) =>
      told.push(`${done}/${total} ${id}`),
    );
    expect(prepared.map(({ id }) => id)).toEqual(["x", "y"]);
    expect(told).toEqual(["1/2 x", "2/2 y"]);
  });
});
