import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDicomFrames } from "../src/volume/dicom.js";
import { openImage } from "../src/volume/format.js";
import { putSeries } from "../src/volume/made-up-dicom.testing.js";
import { reorientGrid, reorientVoxels } from "../src/volume/orientation.js";
import { readLabelMap, readVolume } from "../src/volume/read.js";
import { voxelCount } from "../src/volume/volume.js";
import { writeLabelMap, writeVolume } from "../src/volume/write.js";
import { writeSegmentation } from "../src/volume/write-dicom-seg.js";
import { penumbra } from "./command-line.js";
import { madeUpSet, tinyArguments } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-results-"));
const at = (...parts: string[]) => join(dir, ...parts);
const scan = at("data/imagesTs/te0.nii.gz");

beforeAll(async () => {
  await madeUpSet(at("data"));
  const given = ["--data", at("data"), "--out", at("run"), "--method", "supervised"];
  const trained = tinyArguments("supervised.iterations=60", "model.filters=4");
  expect((await penumbra("train", ...given, ...trained)).code).toBe(0);
  await predict(scan, "plain", "--probabilities");
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs predict into a folder of its own and gives back the paths that it printed. */
async function predict(path: string, out: string, ...more: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await penumbra(
    "predict",
    path,
    "--run",
    at("run"),
    "--out",
    at(out),
    ...more,
  );
  expect(code, stderr).toBe(0);
  expect(`${stdout}${stderr}`).not.toMatch(/Jane|SECRET/);
  return stdout.trimEnd().split("\n");
}
const names = (out: string) => readdirSync(at(out)).sort();

describe("predictions of a scan", () => {
  it.each([
    ["nrrd", ".nrrd"],
    ["mha", ".mha"],
  ])(
    "come as %s on its grid, also without being asked for where the scan is that",
    async (format, ending) => {
      const labels = (await readLabelMap(at("plain/te0.nii.gz"))).data;
      await predict(scan, `asked-${format}`, "--format", format, "--probabilities");
      expect(names(`asked-${format}`)).toEqual([`te0${ending}`, `te0_probability_left-ball${ending}`]);
      expect((await readLabelMap(at(`asked-${format}`, `te0${ending}`))).data).toEqual(labels);
      const { grid, data } = await readVolume(scan);
      await writeVolume(at(`scan${ending}`), { grid: { ...grid, nrrdSpace: "RAS" }, data });
      const [path] = await predict(at(`scan${ending}`), `unasked-${format}`);
      expect(path).toBe(at(`unasked-${format}`, `scan${ending}`));
      const result = await readLabelMap(path!);
      expect(result.data).toEqual(labels);
      expect(result.grid).toEqual((await readVolume(at(`scan${ending}`))).grid);
    },
  );

  it("come with probabilities as int16 and a slope", async () => {
    const [, path] = await predict(scan, "int16", "--probabilities", "int16");
    const stored = await openImage(path!);
    expect(stored.type).toBe("i16");
    const [exact, near] = await Promise.all([
      readVolume(at("plain/te0_probability_left-ball.nii.gz")),
      readVolume(path!),
    ]);
    for (const [i, value] of exact.data.entries())
      expect(Math.abs(near.data[i]! - value)).toBeLessThan(1 / 65000);
  });

  it("come as DICOM segmentations that lie on a DICOM scan, the patient in their header only", async () => {
    const series = putSeries(at("series"));
    await predict(series, "dicom", "--format", "dicom-seg", "--probabilities", "--uncertainty");
    expect(names("dicom")).toEqual(["series.dcm", "series_probabilities.dcm", "series_uncertainty.nii.gz"]);
    await predict(series, "dicom-nifti", "--probabilities");
    const { grid } = await readVolume(series);
    const plain = await readLabelMap(at("dicom-nifti/series.nii.gz"));
    expect((await readLabelMap(at("dicom/series.dcm"), grid)).data).toEqual(plain.data);
    expect(plain.grid.affine!.map(Math.fround)).toEqual(grid.affine!.map(Math.fround));
    expect(readFileSync(at("dicom/series.dcm"), "latin1")).toContain("SECRET-42");
    expect(readFileSync(at("dicom-nifti/series.nii.gz"), "latin1")).not.toContain("SECRET-42");
  });

  it("are refused where the format can't hold them, before anything is computed", async () => {
    const refused = async (reason: RegExp, ...more: string[]) => {
      const { code, stderr } = await penumbra(
        "predict",
        scan,
        "--run",
        at("run"),
        "--out",
        at("none"),
        ...more,
      );
      expect(code).toBe(2);
      expect(stderr).toMatch(reason);
      expect(existsSync(at("none"))).toBe(false);
    };
    await refused(/te0\.nii\.gz: is NIfTI-1; only a DICOM scan/, "--format", "dicom-seg");
    await refused(/only NIfTI stores a slope/, "--format", "nrrd", "--probabilities", "int16");
    await refused(/Allowed choices are nifti, nrrd, mha, dicom-seg/, "--format", "png");
  });
});

it("a reoriented MetaImage copy of a NIfTI scan gives the reoriented label map", async () => {
  const { grid, data } = await readVolume(scan);
  const to = { axes: [1, 0, 2], reversed: [true, false, true] } as const;
  await writeVolume(at("turned.mha"), {
    grid: reorientGrid(grid, to),
    data: reorientVoxels(data, grid.shape, to),
  });
  const [path] = await predict(at("turned.mha"), "turned");
  const labels = (await readLabelMap(at("plain/te0.nii.gz"))).data;
  expect((await readLabelMap(path!)).data).toEqual(reorientVoxels(labels, grid.shape, to));
});

it("training takes DICOM series with segmentations, and NRRD images with MetaImage labels", async () => {
  const data = at("mixed");
  const { grid } = await readVolume(putSeries(join(data, "scans/dicom"), { slices: 16 }));
  const labels = Uint8Array.from({ length: voxelCount(grid.shape) }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const frames = await openDicomFrames(join(data, "scans/dicom"));
  const classNames = ["background", "ball"];
  await writeSegmentation(join(data, "dicom.dcm"), { kind: "BINARY", labels }, { frames, classNames }, 2.5);
  const other = await readVolume(scan);
  await writeVolume(join(data, "scans/other.nrrd"), other);
  await writeLabelMap(join(data, "other.mha"), {
    grid: other.grid,
    data: Uint8Array.from(other.data, (v) => (v > 99 ? 1 : 0)),
  });
  const training = [
    { image: "scans/dicom", label: "dicom.dcm" },
    { image: "scans/other.nrrd", label: "other.mha" },
  ];
  writeFileSync(
    join(data, "dataset.json"),
    JSON.stringify({ labels: { 0: "background", 1: "ball" }, training }),
  );
  const given = ["--data", data, "--out", at("mixed-run"), "--method", "supervised", ...tinyArguments()];
  const { code, stderr } = await penumbra("train", ...given);
  expect(code, stderr).toBe(0);
  const record = JSON.parse(readFileSync(at("mixed-run/run.json"), "utf8"));
  expect(record.labeled).toEqual(["dicom", "other"]);
});
