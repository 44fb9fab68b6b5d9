import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openImage } from "./format.js";
import { readLabelMap, readVolume } from "./read.js";
import type { Grid, Triple } from "./volume.js";
import { writeLabelMap, writeVolume } from "./write.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-round-trip-"));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string) => join(dir, name);

const SHAPE: Triple = [5, 6, 7];
const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
/** Oblique and sheared by a hair, as real scanners' are, with digits to spare. */
const AFFINE = [
  0.7 * c,
  -0.9 * s,
  1e-7,
  -101.1,
  0.7 * s,
  0.9 * c,
  0.01,
  20.3,
  0,
  -0.013,
  1.3,
  1 / 3,
  0,
  0,
  0,
  1,
];
const SPACING: Triple = [
  Math.hypot(1e-7, 0.01, 1.3),
  Math.hypot(0.9 * s, 0.9 * c, 0.013),
  Math.hypot(0.7 * c, 0.7 * s),
];
const GRID: Grid = { shape: SHAPE, spacingMm: SPACING, affine: AFFINE };
const IMAGE = Float32Array.from({ length: 210 }, (_, i) => Math.sin(i) * 10 ** (i % 9));
const LABELS = Uint8Array.from({ length: 210 }, (_, i) => i);
const WIDE_LABELS = Uint16Array.from({ length: 210 }, (_, i) => i * 300);

describe.each([".nrrd", ".mha", ".nii", ".nii.gz"])("%s, written and read", (ending) => {
  const isNifti = ending.startsWith(".nii");

  it("keeps every voxel, of images and label maps", async () => {
    await writeVolume(at(`image${ending}`), { grid: GRID, data: IMAGE });
    expect((await readVolume(at(`image${ending}`))).data).toEqual(IMAGE);
    await writeLabelMap(at(`labels${ending}`), { grid: GRID, data: LABELS });
    expect((await readLabelMap(at(`labels${ending}`))).data).toEqual(LABELS);
    await writeLabelMap(at(`wide${ending}`), { grid: GRID, data: WIDE_LABELS });
    const wide = await openImage(at(`wide${ending}`));
    expect(wide.type).toBe("u16");
    expect(await wide.load()).toEqual(WIDE_LABELS);
  });

  it("keeps the affine, to the last bit where the format stores all digits, and for ever after the first trip", async () => {
    const first = (await readVolume(at(`image${ending}`))).grid;
    const exact = isNifti ? AFFINE.map(Math.fround) : AFFINE;
    if (ending === ".mha") {
      first.affine!.forEach((value, i) => {
        expect(value).toBeCloseTo(AFFINE[i]!, 12); // direction times spacing
      });
    } else expect(first.affine).toEqual(exact);
    await writeLabelMap(at(`second${ending}`), { grid: first, data: LABELS });
    expect((await readLabelMap(at(`second${ending}`))).grid).toEqual(first);
  });

  it("keeps voxel edges alone, and nothing at all", async () => {
    const bare: Grid = { shape: SHAPE, spacingMm: [3, 2, 1.5], affine: null };
    await writeLabelMap(at(`bare${ending}`), { grid: bare, data: LABELS });
    expect((await readLabelMap(at(`bare${ending}`))).grid.spacingMm).toEqual([3, 2, 1.5]);
    const nothing: Grid = { shape: SHAPE, spacingMm: null, affine: null };
    await writeLabelMap(at(`nothing${ending}`), { grid: nothing, data: LABELS });
    expect((await readLabelMap(at(`nothing${ending}`))).data).toEqual(LABELS);
  });
});

it("a NRRD file goes back into the space it came from", async () => {
  for (const space of ["RAS", "LAS", "LPS"] as const) {
    const grid: Grid = { ...GRID, nrrdSpace: space };
    await writeLabelMap(at(`${space}.nrrd`), { grid, data: LABELS });
    expect((await readLabelMap(at(`${space}.nrrd`))).grid).toEqual(grid);
    expect(readFileSync(at(`${space}.nrrd`), "latin1")).toContain(
      `space: ${space === "RAS" ? "right" : "left"}-`,
    );
  }
});

it("one format into another and back keeps the affine where both store all digits", async () => {
  const { grid, data } = await readVolume(at("image.nii.gz"));
  await writeVolume(at("other.nrrd"), { grid, data });
  const other = await readVolume(at("other.nrrd"));
  await writeVolume(at("back.nii.gz"), { grid: other.grid, data: other.data });
  const back = await readVolume(at("back.nii.gz"));
  expect([back.grid.affine, back.data]).toEqual([grid.affine, data]);
});

describe("probabilities as int16", () => {
  it("are half as large, off by half a step at most, and exact at 0 and 1", async () => {
    const data = Float32Array.from({ length: 210 }, (_, i) => i / 209);
    await writeVolume(at("scaled.nii"), { grid: GRID, data }, "int16");
    const stored = await openImage(at("scaled.nii"));
    expect([stored.type, stored.intercept]).toEqual(["i16", 0]);
    const read = (await readVolume(at("scaled.nii"))).data;
    for (const [i, value] of data.entries())
      expect(Math.abs(read[i]! - value)).toBeLessThanOrEqual(0.5001 / 32767);
    expect([read[0], read[209]]).toEqual([0, 1]);
    expect(readFileSync(at("scaled.nii")).length).toBe(352 + 2 * 210);
  });

  it("are refused where no slope is stored", async () => {
    const volume = { grid: GRID, data: Float32Array.from({ length: 210 }, (_, i) => i) };
    await expect(writeVolume(at("scaled.nrrd"), volume, "int16")).rejects.toThrow(
      /only NIfTI stores a slope/,
    );
  });
});
