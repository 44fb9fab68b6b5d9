import { expect, it } from "vitest";
import { classSlugs, outputName } from "./result-files.js";

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

it("makes file names of class names, never two alike", () => {
  expect(classSlugs(["left atrium", "Läsion 2", "../x"])).toEqual(["left-atrium", "Läsion-2", "..-x"]);
  expect(classSlugs(["a b", "c", "a/b"])).toEqual(["a-b-1", "c", "a-b-3"]);
});
