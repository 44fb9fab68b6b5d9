import { join } from "node:path";
import { expect, it } from "vitest";
import type { StoredImage } from "../volume/stored-image.js";
import { classSlugs, outputName, resultFiles } from "./result-files.js";

it.each([
  ["scans/a.b.nii.gz", "a.b"],
  ["a.nii", "a"],
  ["a.hdr.gz", "a"],
  ["A.IMG", "A"],
  ["a.h5", "a"],
  ["a.seg.nrrd", "a.seg"],
  ["series/", "series"],
  ["series.7", "series.7"],
  ["slice.dcm", "slice"],
  ["set/CASE_7/mri_norm2.h5", "CASE_7"],
])("%s is named %s", (path, name) => {
  expect(outputName(path)).toBe(name);
});

it("names a scan as training names its case: without the mark of the first channel", () => {
  const image = { path: "scans/a_0000.nii.gz", format: "NIfTI" } as unknown as StoredImage;
  expect(resultFiles(image, { out: "out" }, ["background", "left"]).labels).toBe(join("out", "a.nii.gz"));
});

it("makes file names of class names, never two alike", () => {
  expect(classSlugs(["left atrium", "Läsion 2", "../x"])).toEqual(["left-atrium", "Läsion-2", "..-x"]);
  expect(classSlugs(["a b", "c", "a/b"])).toEqual(["a-b-1", "c", "a-b-3"]);
});

it("knows no other formats", () => {
  const image = { path: "a.nii", format: "NIfTI" } as unknown as StoredImage;
  const odd = { out: "out", format: "bmp" as "nifti" };
  expect(() => resultFiles(image, odd, ["background", "organ"])).toThrow(
    'format "bmp": expected nifti, nrrd,',
  );
});
