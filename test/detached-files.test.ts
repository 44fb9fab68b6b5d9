import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { contentHash } from "../src/data/content-hash.js";
import { openDataset } from "../src/data/dataset.js";
import { startViewer } from "../src/viewer/server.js";
import { putSeries } from "../src/volume/made-up-dicom.testing.js";
import { readVolume } from "../src/volume/read.js";
import { encodeNifti } from "../src/volume/write-nifti.js";
import { ball, GRID } from "./made-up-data.js";

const base = mkdtempSync(join(tmpdir(), "penumbra-detached-"));
const data = join(base, "data");
const images = join(data, "imagesTr");
const elsewhere = join(base, "elsewhere");
afterAll(() => rmSync(base, { recursive: true }));

const metaImage = (voxels: string) =>
  `NDims = 3\nDimSize = 20 20 20\nElementType = MET_UCHAR\nElementDataFile = ${voxels}\n`;
const nrrd = (voxels: string) =>
  `NRRD0004\ntype: uchar\ndimension: 3\nsizes: 20 20 20\nencoding: raw\ndata file: ${voxels}\n`;
const bytes = Buffer.alloc(8000, 7);

/** A NIfTI file taken apart: the magic of a pair, the voxels from the image's first byte on. */
function putPair(header: string, voxels: string): void {
  const whole = encodeNifti(header, GRID, { type: "f32", data: ball(1).image, slope: 1 });
  const head = Buffer.from(whole.subarray(0, 348));
  head.write("ni1\0", 344, "latin1");
  head.writeFloatLE(0, 108);
  writeFileSync(header, head);
  writeFileSync(voxels, whole.subarray(352));
}

/** Headers in the data, voxels where `folder` says, reached through links of the names that the headers want. */
function detachedSet(folder: string): string[] {
  const linked = (name: string) => symlinkSync(join(folder, name), join(images, name));
  for (const name of ["meta.raw", "nrrd voxels.raw"]) {
    writeFileSync(join(folder, name), bytes);
    linked(name);
  }
  writeFileSync(join(images, "meta.mhd"), metaImage("meta.raw"));
  writeFileSync(join(images, "other.nhdr"), nrrd("nrrd voxels.raw"));
  writeFileSync(join(images, "disguised.nii.gz"), nrrd("meta.raw"));
  putPair(join(images, "pair.hdr"), join(folder, "pair.img"));
  linked("pair.img");
  putSeries(join(folder, "slices"));
  mkdirSync(join(images, "series"));
  for (const slice of readdirSync(join(folder, "slices")))
    symlinkSync(join(folder, "slices", slice), join(images, "series", slice));
  return ["meta.mhd", "other.nhdr", "disguised.nii.gz", "pair.hdr", "series"];
}

const list = (...names: string[]) =>
  writeFileSync(
    join(data, "dataset.json"),
    JSON.stringify({
      labels: { 0: "background", 1: "liver" },
      training: names.map((name) => `imagesTr/${name}`),
    }),
  );

beforeEach(() => {
  rmSync(base, { recursive: true });
  for (const dir of [images, elsewhere, join(data, "shelf")]) mkdirSync(dir, { recursive: true });
});

describe("voxels apart from their header", () => {
  it("can't be reached through a link that leads out of the data, unless links are allowed", async () => {
    for (const name of detachedSet(elsewhere)) {
      list(name);
      await expect(openDataset(data), name).rejects.toThrow(/a link that leads out of .*, to .*elsewhere/);
      expect((await openDataset(data, { allowLinks: true })).unlabeled).toHaveLength(1);
    }
  });

  it("may lie behind a link within the data", async () => {
    const names = detachedSet(join(data, "shelf"));
    list(...names);
    expect((await openDataset(data)).unlabeled).toHaveLength(names.length);
    for (const name of names)
      expect((await readVolume(join(images, name))).data.length, name).toBeGreaterThan(0);
  });

  it("are not shown by the viewer where they lie outside", async () => {
    const names = detachedSet(elsewhere);
    list();
    const viewer = await startViewer({ dir: data, port: 0 });
    const answers = names.map((name) => fetch(`${viewer.url}volumes/data/~data/imagesTr/${name}`));
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(names.map(() => 403));
    await viewer.close();
  });
});

describe("contentHash", () => {
  it("changes with voxels apart from their header, and with every file of a series", async () => {
    const names = detachedSet(elsewhere);
    const all = () => Promise.all(names.map((name) => contentHash(join(images, name), join(base, "memory"))));
    const slice = join("slices", readdirSync(join(elsewhere, "slices"))[0]!);
    const before = await all();
    expect(new Set(before).size).toBe(names.length);
    for (const file of ["meta.raw", "nrrd voxels.raw", "pair.img", slice])
      appendFileSync(join(elsewhere, file), "!");
    const after = await all();
    expect(after.filter((hash, i) => hash === before[i])).toEqual([]);
  });

  it("reads no file that reading the image would refuse, devices and pipes among them", async () => {
    const hashOf = (name: string) => contentHash(join(images, name), join(base, "memory"));
    for (const voxels of ["../../../../../../dev/zero", "/dev/zero", "zero"])
      writeFileSync(join(images, `${voxels.length}.mhd`), metaImage(voxels));
    symlinkSync("/dev/zero", join(images, "zero"));
    for (const length of [26, 9, 4]) expect(await hashOf(`${length}.mhd`)).toMatch(/^[0-9a-f]{64}$/);
    execFileSync("mkfifo", [join(images, "pipe.nii.gz")]);
    await expect(hashOf("pipe.nii.gz")).rejects.toThrow(/pipe\.nii\.gz: is not a regular file/);
  });
});
