import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readLabelMap, readVolume } from "./read.js";
import { voxelCount } from "./volume.js";
import { writeLabelMap } from "./write.js";

/** Odd but valid files, what nibabel reads from them, and files to refuse; not part of the project. */
const DIR = resolve(import.meta.dirname, "../../../shared/data/formats");
const here = existsSync(join(DIR, "expected.json"));
const title = here ? "real files" : `real files (skipped: no ${DIR})`;

interface Expected {
  shape: number[];
  spacing: number[];
  affine: number[][];
  mean: number;
  min: number;
  max: number;
  voxel_1_2_3: number | null;
}

const expected: Record<string, Expected> = here
  ? JSON.parse(readFileSync(join(DIR, "expected.json"), "utf8"))
  : {};
const is3d = ({ shape }: Expected) => shape.slice(3).every((n) => n === 1);

describe.skipIf(!here)(title, () => {
  const images = Object.entries(expected).filter(([name]) => /^(nifti|orientations)\//.test(name));

  it.each(images.filter(([, want]) => is3d(want)))("reads %s as nibabel does", async (name, want) => {
    const { grid, data } = await readVolume(join(DIR, name));
    const [w, h, d] = want.shape as [number, number, number];
    expect(grid.shape).toEqual([d, h, w]);
    expect(data.length).toBe(w * h * d);
    [...grid.spacingMm!].reverse().forEach((mm, i) => {
      expect(mm).toBeCloseTo(want.spacing[i]!, 5);
    });
    want.affine.flat().forEach((value, i) => {
      expect(grid.affine![i]).toBeCloseTo(value, 4);
    });
    let [sum, min, max] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of data) {
      sum += value;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    const near = (got: number, wanted: number) =>
      expect(Math.abs(got - wanted)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(wanted)));
    near(sum / data.length, want.mean);
    near(min, want.min);
    near(max, want.max);
    near(data[(3 * h + 2) * w + 1]!, want.voxel_1_2_3!);
  });

  it.each(images.filter(([, want]) => is3d(want)))(
    "writes labels exactly onto the grid of %s",
    async (name) => {
      const dir = mkdtempSync(join(tmpdir(), "penumbra-grid-"));
      try {
        const { grid } = await readVolume(join(DIR, name));
        await writeLabelMap(join(dir, "labels.nii.gz"), {
          grid,
          data: new Uint8Array(voxelCount(grid.shape)),
        });
        const written = (await readLabelMap(join(dir, "labels.nii.gz"))).grid;
        expect(written.shape).toEqual(grid.shape);
        const single = (values: readonly number[]) => values.map((value) => Math.fround(value) + 0);
        expect(single(written.affine!)).toEqual(single(grid.affine!));
        expect(single(written.spacingMm!)).toEqual(single(grid.spacingMm!));
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );

  it.each(images.filter(([, want]) => !is3d(want)))("refuses %s: not one volume", async (name) => {
    await expect(readVolume(join(DIR, name))).rejects.toThrow(/4-D image of .* expected one 3-D volume/);
  });

  it.each(here ? readdirSync(join(DIR, "reject")) : [])(
    "refuses reject/%s at once in one line",
    async (name) => {
      const path = join(DIR, "reject", name);
      const before = process.memoryUsage.rss();
      const start = performance.now();
      const error = await readVolume(path).then(
        () => null,
        (reason: Error) => reason,
      );
      expect(performance.now() - start).toBeLessThan(500);
      expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
      expect(error).toMatchObject({ code: "bad-input" });
      expect(error!.message.startsWith(`${path}: `)).toBe(true);
      expect(error!.message).not.toContain("\n");
    },
  );
});
