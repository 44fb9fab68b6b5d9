import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLabelMap, readVolume } from "./read.js";
import type { Grid, NiftiGeometry } from "./volume.js";
import { writeLabelMap, writeVolume } from "./write.js";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "penumbra-write-"));
});
afterAll(() => rm(dir, { recursive: true }));

const at = (name: string) => join(dir, name);
const AFFINE = [-2, 0, 0, 90, 0, 3, 0, -126, 0, 0, 4, -72, 0, 0, 0, 1];
const GRID: Grid = { shape: [4, 5, 6], spacingMm: [4, 3, 2], affine: AFFINE };
const image = (grid: Grid) => ({ grid, data: Float32Array.from({ length: 120 }, (_, i) => i / 7 - 3) });
const labels = (grid: Grid) => ({ grid, data: Uint8Array.from({ length: 120 }, (_, i) => i * 2) });

describe("writing", () => {
  it("gives back the same image on the same grid", async () => {
    await writeVolume(at("image.nii.gz"), image(GRID));
    const { grid, data } = await readVolume(at("image.nii.gz"));
    expect(grid).toMatchObject(GRID);
    expect(data).toEqual(image(GRID).data);
  });

  it("gives back the same labels, stored as uint8 behind a header of 352 bytes", async () => {
    await writeLabelMap(at("labels.nii.gz"), labels(GRID));
    expect(await readLabelMap(at("labels.nii.gz"))).toMatchObject({ grid: GRID, data: labels(GRID).data });
    const bytes = gunzipSync(await readFile(at("labels.nii.gz")));
    expect(bytes.length).toBe(352 + 120);
    expect(bytes.readInt16LE(70)).toBe(2);
    expect([40, 42, 44, 46].map((offset) => bytes.readInt16LE(offset))).toEqual([3, 6, 5, 4]);
    expect([252, 254].map((offset) => bytes.readInt16LE(offset))).toEqual([1, 1]);
  });

  it("stores no form where the grid has no affine", async () => {
    await writeLabelMap(at("bare.nii"), labels({ shape: [4, 5, 6], spacingMm: null, affine: null }));
    const bytes = await readFile(at("bare.nii"));
    expect([252, 254].map((offset) => bytes.readInt16LE(offset))).toEqual([0, 0]);
    expect([76, 80, 84, 88].map((offset) => bytes.readFloatLE(offset))).toEqual([1, 1, 1, 1]);
  });

  const qformOnly: NiftiGeometry = {
    pixdim: [-1, 1.5, 1.5, 2.5].map(Math.fround),
    qformCode: 3,
    qform: [0.1, 0.2, 0.3, 10.1, 20.2, 30.3].map(Math.fround),
    sformCode: 0,
    sform: Array(12).fill(0),
  };

  it.each([1, 2, 3])("keeps the unit that was read, and the numbers stored in it: %i", async (unit) => {
    await writeVolume(at("unit.nii"), image(GRID));
    const stored = await readFile(at("unit.nii"));
    stored[123] = unit;
    await writeFile(at("unit.nii"), stored);
    const { grid } = await readVolume(at("unit.nii"));
    await writeLabelMap(at("unit-labels.nii"), labels(grid));
    const written = await readFile(at("unit-labels.nii"));
    expect(written[123]! & 7).toBe(unit);
    expect(written.subarray(252, 344)).toEqual(stored.subarray(252, 344)); // codes, qform, sform
    expect(written.subarray(76, 92)).toEqual(stored.subarray(76, 92)); // pixdim
    expect((await readLabelMap(at("unit-labels.nii"))).grid).toEqual(grid);
  });

  it("keeps the position fields that were read, to the last bit, on the second and third trip", async () => {
    await writeVolume(at("first.nii"), image({ ...GRID, nifti: qformOnly }));
    expect((await readVolume(at("first.nii"))).grid.nifti!.qformCode).toBe(1); // they don't mean GRID's affine
    const bytes = await readFile(at("first.nii"));
    [qformOnly.qformCode, 0].forEach((code, i) => {
      bytes.writeInt16LE(code, 252 + 2 * i);
    });
    [...qformOnly.qform, ...qformOnly.sform].forEach((value, i) => {
      bytes.writeFloatLE(value, 256 + 4 * i);
    });
    await writeFile(at("second.nii"), bytes);
    const { grid } = await readVolume(at("second.nii"));
    await writeLabelMap(at("third.nii.gz"), labels(grid));
    const again = gunzipSync(await readFile(at("third.nii.gz")));
    expect(again.subarray(252, 328)).toEqual(bytes.subarray(252, 328));
    expect(again.subarray(76, 92)).toEqual(bytes.subarray(76, 92));
    expect((await readLabelMap(at("third.nii.gz"))).grid).toEqual(grid);
  });

  it("leaves no half file and says what is wrong", async () => {
    const before = await readdir(dir);
    await expect(writeLabelMap(at("no/such/folder.nii.gz"), labels(GRID))).rejects.toMatchObject({
      code: "bad-input",
    });
    await expect(writeLabelMap(at("labels.png"), labels(GRID))).rejects.toThrow(
      /ends in \.nii\.gz, \.nii, \.nrrd or \.mha/,
    );
    const short = { grid: GRID, data: new Uint8Array(7) };
    await expect(writeLabelMap(at("short.nii"), short)).rejects.toThrow(/7 voxels for a grid of \[4, 5, 6\]/);
    expect(await readdir(dir)).toEqual(before);
  });
});
