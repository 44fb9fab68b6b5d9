import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { openImage } from "./format.js";
import { readLabelMap, readVolume } from "./read.js";
import { voxelCount } from "./volume.js";
import { writeLabelMap } from "./write.js";

/** Odd but valid files; not part of the project. test/inspect.test.ts compares them with what nibabel reads. */
const DIR = resolve(import.meta.dirname, "../../../shared/data/formats");
const here = existsSync(DIR);
const title = here ? "real files" : `real files (skipped: no ${DIR})`;
const isImage = (name: string) => /\.(nii|hdr)(\.gz)?$/.test(name);
const names = ["nifti", "orientations"].flatMap((folder) =>
  here
    ? readdirSync(join(DIR, folder))
        .filter(isImage)
        .map((name) => join(folder, name))
    : [],
);

describe.skipIf(!here)(title, () => {
  it.each(names)("writes labels exactly onto the grid of %s", async (name) => {
    const image = await openImage(join(DIR, name));
    const { grid } = image;
    const dir = mkdtempSync(join(tmpdir(), "penumbra-grid-"));
    try {
      const data = new Uint8Array(voxelCount(grid.shape));
      await writeLabelMap(join(dir, "labels.nii.gz"), { grid, data });
      const written = (await readLabelMap(join(dir, "labels.nii.gz"))).grid;
      expect(written.shape).toEqual(grid.shape);
      const single = (values: readonly number[]) => values.map((value) => Math.fround(value) + 0);
      expect(single(written.affine!)).toEqual(single(grid.affine!));
      expect(single(written.spacingMm!)).toEqual(single(grid.spacingMm!));
      const codes = ({ qformCode, sformCode }: NonNullable<typeof grid.nifti>) => [qformCode, sformCode];
      expect(codes(written.nifti!)).toEqual(codes(grid.nifti!));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("refuses series of volumes as a volume", async () => {
    for (const name of ["example_nifti2.nii.gz", "functional.nii"])
      await expect(readVolume(join(DIR, "nifti", name))).rejects.toThrow(
        /4-D image of .* expected one 3-D volume/,
      );
  });
});
