import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { readCoarse } from "./coarse.js";
import type { Grid } from "./volume.js";
import { writeVolume } from "./write.js";
import { encodeNifti } from "./write-nifti.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-coarse-"));
afterAll(() => rmSync(dir, { recursive: true }));

const grid: Grid = {
  shape: [5, 6, 7],
  spacingMm: [2, 1, 1.5],
  affine: [1.5, 0, 0, 4, 0, 1, 0, 5, 0, 0, 2, 6, 0, 0, 0, 1],
};
const data = Float32Array.from({ length: 5 * 6 * 7 }, (_, i) => i);

it.each(["a.nii", "a.nii.gz"])("takes every second voxel of %s and keeps its place", async (name) => {
  await writeVolume(join(dir, name), { grid, data });
  const coarse = (await readCoarse(join(dir, name), 4))!;
  expect(coarse.grid.shape).toEqual([3, 3, 4]);
  expect(coarse.grid.spacingMm).toEqual([4, 2, 3]);
  expect(coarse.grid.affine).toEqual([3, 0, 0, 4, 0, 2, 0, 5, 0, 0, 4, 6, 0, 0, 0, 1]);
  const expected = [0, 2, 4].flatMap((z) =>
    [0, 2, 4].flatMap((y) => [0, 2, 4, 6].map((x) => 42 * z + 7 * y + x)),
  );
  expect([...coarse.data]).toEqual(expected);
});

it("names a file that is cut short, gzipped or not", async () => {
  const plain = join(dir, "short.nii");
  await writeVolume(plain, { grid, data });
  truncateSync(plain, 352 + 4 * 100);
  await expect(readCoarse(plain, 4)).rejects.toThrow(
    `${plain}: ends after 14 of 30 rows of voxels; it is cut short`,
  );
  const packed = join(dir, "short.nii.gz");
  const whole = gzipSync(encodeNifti(packed, grid, { type: "f32", data, slope: 1 }));
  writeFileSync(packed, whole.subarray(0, whole.length - 40));
  await expect(readCoarse(packed, 4)).rejects.toThrow("its gzip data is damaged or cut short");
});
