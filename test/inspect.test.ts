import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { toAxisOrder } from "../src/volume/orientation.js";
import { readVolume } from "../src/volume/read.js";
import { type Grid, isPlaced } from "../src/volume/volume.js";
import { writeLabelMap, writeVolume } from "../src/volume/write.js";
import { penumbra } from "./command-line.js";

/** Odd but valid files, what nibabel reads from them, and files to refuse; not part of the project. */
const DIR = resolve(import.meta.dirname, "../../shared/data/formats");
const here = existsSync(join(DIR, "expected.json"));
const title = here ? "real files" : `real files (skipped: no ${DIR})`;

interface Expected {
  shape: number[];
  dtype: string;
  slope_intercept: number[];
  spacing: number[];
  axis_codes: string;
  affine: number[][];
  mean: number;
  min: number;
  max: number;
  canonical_ras_voxel_1_2_3: number | null;
}
const expected: Record<string, Expected> = here
  ? JSON.parse(readFileSync(join(DIR, "expected.json"), "utf8"))
  : {};

async function inspectJson(
  path: string,
): Promise<Expected & { labels: unknown; odd: string[]; format: string }> {
  const { code, stdout, stderr } = await penumbra("inspect", path, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

const near = (got: number, wanted: number, relative = 1e-9) =>
  expect(Math.abs(got - wanted)).toBeLessThanOrEqual(relative * Math.max(1, Math.abs(wanted)));

describe.skipIf(!here)(title, () => {
  it.each(Object.entries(expected))("inspect agrees with nibabel on %s", async (name, want) => {
    const got = await inspectJson(join(DIR, name));
    const { shape, dtype, axis_codes } = got;
    expect({ shape, dtype, axis_codes }).toEqual({
      shape: want.shape,
      dtype: want.dtype,
      axis_codes: want.axis_codes,
    });
    got.spacing.forEach((mm, i) => {
      near(mm, want.spacing[i]!, 1e-6);
    });
    got.affine.flat().forEach((value, i) => {
      expect(value).toBeCloseTo(want.affine.flat()[i]!, 4);
    });
    got.slope_intercept.forEach((value, i) => {
      near(value, want.slope_intercept[i]!);
    });
    for (const key of ["mean", "min", "max"] as const) near(got[key], want[key]);
    const volumes = want.shape.slice(3).reduce((product, n) => product * n, 1);
    if (volumes > 1 || want.canonical_ras_voxel_1_2_3 === null) return;
    const image = await readVolume(join(DIR, name));
    if (!isPlaced(image.grid)) return; // nibabel turns what it has made up
    const { grid, data } = toAxisOrder(image, "RAS");
    near(data[(3 * grid.shape[1] + 2) * grid.shape[2] + 1]!, want.canonical_ras_voxel_1_2_3, 1e-6);
  });

  it("reads all orientations to one RAS volume", async () => {
    const names = readdirSync(join(DIR, "orientations"));
    expect(names.length).toBe(25);
    const one = toAxisOrder(await readVolume(join(DIR, "orientations/RAS.nii.gz")), "RAS");
    for (const name of names) {
      const { grid, data } = toAxisOrder(await readVolume(join(DIR, "orientations", name)), "RAS");
      expect(grid.shape).toEqual(one.grid.shape);
      expect(Buffer.from(data.buffer).equals(Buffer.from(one.data.buffer)), name).toBe(true);
      grid.affine!.forEach((value, i) => {
        expect(value).toBeCloseTo(one.grid.affine![i]!, 3);
      });
    }
  });

  it.each(here ? readdirSync(join(DIR, "reject")) : [])(
    "refuses reject/%s in one line, at once, in little memory, with exit code 2",
    async (name) => {
      const path = join(DIR, "reject", name);
      const bin = resolve(import.meta.dirname, "../bin/penumbra.js");
      const peak =
        'process.on("exit",()=>{const u=process.resourceUsage();console.error(u.maxRSS,u.userCPUTime+u.systemCPUTime)})';
      const { code, stderr } = await new Promise<{ code: number; stderr: string }>((done) => {
        const watch = ["--import", `data:text/javascript,${encodeURIComponent(peak)}`];
        execFile(process.execPath, [...watch, bin, "inspect", path], (error, _, stderr) =>
          done({ code: Number(error?.code ?? 0), stderr }),
        );
      });
      const [line, used, ...more] = stderr.trimEnd().split("\n");
      const [kib, microseconds] = used!.split(" ").map(Number) as [number, number];
      expect(code).toBe(2);
      expect(line!.startsWith(`penumbra: ${path}: `), line).toBe(true);
      expect(more).toEqual([]);
      expect(kib).toBeLessThan(300 * 1024);
      expect(microseconds / 1e6).toBeLessThan(1); // of a processor: how long it takes where nobody else computes
    },
  );
});

describe("inspect", () => {
  const dir = mkdtempSync(join(tmpdir(), "penumbra-inspect-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const grid: Grid = {
    shape: [16, 20, 24],
    spacingMm: [5, 2, 1],
    affine: [-1, 0, 0, 90, 0, 2, 0, -126, 0, 0, 5, -72, 0, 0, 0, 1],
  };

  it("says what a label map holds, in ml", async () => {
    const path = join(dir, "labels.nii.gz");
    await writeLabelMap(path, { grid, data: new Uint8Array(7680).fill(2, 100, 300) });
    const found = await inspectJson(path);
    expect(found).toMatchObject({
      format: "NIfTI-1",
      shape: [24, 20, 16],
      dtype: "uint8",
      spacing: [1, 2, 5],
      axis_codes: "LAS",
      slope_intercept: [1, 0],
      min: 0,
      max: 2,
      labels: [
        { value: 0, voxels: 7480, ml: 74.8 },
        { value: 2, voxels: 200, ml: 2 },
      ],
    });
    expect(found.odd).toEqual(["voxels are 5.0 times as long along one axis as along another"]);
    near(found.mean, 400 / 7680);
    const { stdout } = await penumbra("inspect", path);
    expect(stdout).toContain("shape (x, y, z)   24 x 20 x 16\n");
    expect(stdout).toContain("2: 200 voxels, 2 ml\n");
  });

  it("says what is odd about an image", async () => {
    const path = join(dir, "odd.nii.gz");
    const data = Float32Array.from({ length: 7680 }, (_, i) => i / 7);
    data[5] = Number.NaN;
    await writeVolume(path, { grid: { ...grid, affine: null, spacingMm: null }, data });
    const found = await inspectJson(path);
    expect(found.labels).toBeNull();
    expect(found.odd.join("; ")).toMatch(/neither qform nor sform is set.*; 1 of 7680 voxels are not finite/);
    near(found.max, 7679 / 7, 1e-6);
  });

  it("refuses what it can't read, naming it", async () => {
    writeFileSync(join(dir, "text.txt"), "no scan at all");
    for (const name of ["text.txt", "none.nii.gz", ""]) {
      const { code, stderr } = await penumbra("inspect", join(dir, name));
      expect(code).toBe(2);
      expect(stderr).toMatch(new RegExp(`^penumbra: ${join(dir, name)}: [^\n]+\n$`));
    }
  });
});
