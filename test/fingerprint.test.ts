import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset } from "../src/data/dataset.js";
import { fingerprintOf } from "../src/data/fingerprint.js";
import { toFingerprintTable } from "../src/data/fingerprint-table.js";
import { suspicionsOf } from "../src/data/suspicions.js";
import { writeVolume } from "../src/volume/write.js";
import { ball, GRID, madeUpSet, putImage, putLabel } from "./made-up-data.js";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "penumbra-fingerprint-"));
});
afterAll(() => rm(dir, { recursive: true }));

let number = 0;
/** A set of its own with something done to it, looked at. */
async function lookAt(change: (set: string) => unknown = () => {}) {
  const set = join(dir, `set${number++}`);
  await madeUpSet(set);
  await change(set);
  const dataset = await openDataset(set);
  return fingerprintOf(dataset, { cache: join(dir, "cache"), workers: 0 });
}
const oddOf = async (change: (set: string) => unknown, scaledPerCase = true) =>
  suspicionsOf(await lookAt(change), { scaledPerCase, resampled: false });

describe("a fingerprint", () => {
  it("holds what the files hold", async () => {
    const { cases, shape, spacingMm, modality, classNames } = await lookAt();
    expect(cases.map(({ files, role }) => `${files.id} ${role}`)).toEqual([
      "tr0 labeled",
      "tr1 labeled",
      "tr2 unlabeled",
      "tr3 unlabeled",
      "te0 test",
      "te1 test",
    ]);
    expect([modality, classNames]).toEqual(["MRI", ["background", "left ball"]]);
    expect(shape).toEqual({ min: [18, 20, 22], median: [18, 20, 22], max: [18, 20, 22] });
    expect(spacingMm!.median).toEqual([2, 1, 1.5]);
    const { image, label } = ball(0);
    const inside = image.filter((_, i) => label[i] === 1);
    const first = cases[0]!;
    expect(first.image!.channels[0]!.intensity.max).toBe(Math.max(...image));
    expect(first.foreground!.mean).toBeCloseTo(inside.reduce((a, b) => a + b, 0) / inside.length, 4);
    expect(first.classes!.map(({ value, voxels }) => [value, voxels])).toEqual([
      [0, image.length - inside.length],
      [1, inside.length],
    ]);
    expect(cases[2]!.classes).toBeNull();
  });

  it.each(["[]", "{}", '{"image": {}, "classes": 3}'])("takes %s in the cache for no facts", async (text) => {
    const first = await lookAt();
    const cache = join(dir, "spoiled");
    const again = async () => fingerprintOf(await openDataset(first.dir), { cache, workers: 0 });
    await again();
    for (const kind of ["facts", "digests"])
      for (const entry of readdirSync(join(cache, kind), { recursive: true, withFileTypes: true }))
        if (entry.isFile()) writeFileSync(join(entry.parentPath, entry.name), text);
    expect(await again()).toEqual(first); // digests are found again, facts by them
    expect(await again()).toEqual(first);
  });

  it("of a sound set has nothing odd, and a table with a line for each case", async () => {
    const fingerprint = await lookAt();
    expect(suspicionsOf(fingerprint, { scaledPerCase: true, resampled: false })).toEqual([]);
    const table = toFingerprintTable(fingerprint, []);
    expect(table).toMatch(/^case +role +shape x,y,z +mm x,y,z/);
    expect(table).toMatch(/^tr0 +labeled +22x20x18 +1\.500x1x2 /m);
    expect(table).toContain("2 labeled, 2 unlabeled, 2 test cases; modality MRI");
    expect(table).toContain("nothing odd");
  });
});

describe("what is odd", () => {
  it("a listed label that is not there", async () => {
    const odd = await oddOf((set) => rmSync(join(set, "labelsTr/tr1.nii.gz")));
    expect(odd).toEqual([
      { severity: "warn", cases: [], message: expect.stringContaining("1 listed label is not there") },
    ]);
  });

  it("a test image that is a training image under another name", async () => {
    const odd = await oddOf((set) =>
      cpSync(join(set, "imagesTr/tr2.nii.gz"), join(set, "imagesTs/te0.nii.gz")),
    );
    expect(odd).toMatchObject([{ severity: "refuse", cases: ["tr2", "te0"] }]);
    expect(odd[0]!.message).toMatch(
      /tr2 in training and te0 in test hold the same image \(\S+\/imagesTr\/tr2\.nii\.gz, \S+\/imagesTs\/te0\.nii\.gz\)/,
    );
  });

  it("two training images alike, though stored in other ways", async () => {
    const odd = await oddOf(async (set) => {
      await writeVolume(join(set, "imagesTr/tr3.nii"), { grid: GRID, data: ball(2).image });
      cpSync(join(set, "imagesTr/tr3.nii"), join(set, "imagesTr/tr3.nii.gz"));
    });
    expect(odd).toMatchObject([{ severity: "warn", cases: ["tr2", "tr3"] }]);
  });

  it("a label of another shape, one elsewhere, and an unknown class: refused, all of them", async () => {
    const odd = await oddOf(async (set) => {
      await putLabel(set, "labelsTr/tr0.nii.gz", new Uint8Array(64), { ...GRID, shape: [4, 4, 4] });
      const wrong = ball(1).label.map((value) => 3 * value);
      const moved = { ...GRID, affine: GRID.affine!.map((value, i) => (i === 7 ? value + 50 : value)) };
      await putLabel(set, "labelsTr/tr1.nii.gz", wrong, moved);
    });
    expect(odd.map(({ severity, cases }) => `${severity} ${cases}`).slice(0, 3)).toEqual([
      "refuse tr0",
      "refuse tr1",
      "refuse tr1",
    ]);
    expect(odd.map(({ message }) => message).join("\n")).toMatch(
      /label is \[4, 4, 4\].*\n.*50\.00 mm.*\n.*class 3/,
    );
  });

  it("a label a little beside its image, and one over a voxel along a fine axis", async () => {
    const moved = (mm: number) => (set: string) =>
      putLabel(set, "labelsTr/tr0.nii.gz", ball(0).label, {
        ...GRID,
        affine: GRID.affine!.map((value, i) => (i === 7 ? value + mm : value)),
      });
    expect(await oddOf(moved(0.05))).toEqual([]);
    expect(await oddOf(moved(0.4))).toMatchObject([
      { severity: "warn", cases: ["tr0"], message: expect.stringMatching(/up to 0\.40 voxels .* \(tr0\)/) },
    ]);
    expect(await oddOf(moved(1.4))).toMatchObject([
      { severity: "refuse", message: expect.stringMatching(/1\.40 mm .* \(1\.4 voxels along an axis\)/) },
    ]);
  });

  it("a label in the air", async () => {
    const odd = await oddOf(async (set) => {
      const { image, label } = ball(0);
      const data = image.map((value, i) => (label[i] === 1 ? 0 : value));
      await writeVolume(join(set, "imagesTr/tr0.nii.gz"), { grid: GRID, data });
    });
    expect(odd).toMatchObject([
      { severity: "warn", cases: ["tr0"], message: expect.stringMatching(/lies in air or padding/) },
    ]);
  });

  it("a damaged file: refused in training, said of a test case", async () => {
    const damage = (part: string) => (set: string) => writeFileSync(join(set, part), "no image");
    expect(await oddOf(damage("imagesTr/tr3.nii.gz"))).toMatchObject([
      { severity: "refuse", cases: ["tr3"] },
    ]);
    expect(await oddOf(damage("imagesTs/te1.nii.gz"))).toMatchObject([{ severity: "warn", cases: ["te1"] }]);
  });

  it("voxels that are not finite, some or all, also when the facts come from the cache", async () => {
    const spoil = async (set: string) => {
      const { image } = ball(3);
      const some = image.map((value, i) => (i % 10 === 0 ? Number.NaN : value));
      await writeVolume(join(set, "imagesTr/tr3.nii.gz"), { grid: GRID, data: some });
      await writeVolume(join(set, "imagesTr/tr2.nii.gz"), { grid: GRID, data: image.fill(Number.NaN) });
    };
    const first = await lookAt(spoil);
    const again = await fingerprintOf(await openDataset(first.dir), {
      cache: join(dir, "cache"),
      workers: 0,
    });
    for (const fingerprint of [first, again]) {
      const row = toFingerprintTable(fingerprint, [])
        .split("\n")
        .find((line) => line.startsWith("tr3"));
      expect(row).not.toContain("NaN");
      expect(suspicionsOf(fingerprint, { scaledPerCase: true, resampled: false })).toMatchObject(
        ["tr2", "tr3"].map((id) => ({
          severity: "refuse",
          cases: [id],
          message: expect.stringMatching(/not finite/),
        })),
      );
    }
  });

  it("an empty label, and a class that nobody shows", async () => {
    const odd = await oddOf(async (set) => {
      for (const id of ["tr0", "tr1"])
        await putLabel(set, `labelsTr/${id}.nii.gz`, new Uint8Array(18 * 20 * 22));
    });
    expect(odd.map(({ severity }) => severity)).toEqual(["warn", "warn"]);
    expect(odd.map(({ message }) => message).join("\n")).toMatch(
      /labels hold background only \(tr0, tr1\).*\n.*class left ball/,
    );
  });

  it.each([
    [true, "warn"],
    [false, "refuse"],
  ])(
    "an image 1,000 times brighter, somewhat dim else; scaled by itself: %s",
    async (scaledPerCase, severity) => {
      const brighter = async (set: string) => {
        const data = ball(3).image.map((value) => 600 * value);
        await writeVolume(join(set, "imagesTr/tr3.nii.gz"), { grid: GRID, data });
      };
      const [odd, ...more] = await oddOf(brighter, scaledPerCase);
      expect(more).toEqual([]);
      expect(odd).toMatchObject({
        severity,
        cases: ["tr3"],
        message: expect.stringMatching(/100 times or more/),
      });
    },
  );

  it("a test case 1,000 times brighter, which training need not mind", async () => {
    const brighter = async (set: string) => {
      const data = ball(11).image.map((value) => 1000 * value);
      await writeVolume(join(set, "imagesTs/te1.nii.gz"), { grid: GRID, data });
    };
    expect(await oddOf(brighter, false)).toMatchObject([{ severity: "warn", cases: ["te1"] }]);
  });

  it("voxel sizes that differ, unless all are resampled", async () => {
    const fingerprint = await lookAt((set) =>
      putImage(set, "imagesTr/tr3.nii.gz", 3, { ...GRID, spacingMm: [4, 1, 1.5], affine: null }),
    );
    const odd = (resampled: boolean) => suspicionsOf(fingerprint, { scaledPerCase: true, resampled });
    expect(odd(false)).toMatchObject([
      { severity: "warn", message: expect.stringMatching(/2\.0-fold.*\[2,1,1\.5\]/) },
    ]);
    expect(odd(true)).toEqual([]);
  });

  it("a voxel size in micrometers, also where all are resampled", async () => {
    const fingerprint = await lookAt((set) => {
      const affine = GRID.affine!.map((value) => 1000 * value);
      return putImage(set, "imagesTr/tr3.nii.gz", 3, { ...GRID, spacingMm: [2000, 1000, 1500], affine });
    });
    for (const resampled of [true, false])
      expect(suspicionsOf(fingerprint, { scaledPerCase: true, resampled })).toMatchObject([
        {
          severity: "refuse",
          cases: ["tr3"],
          message: expect.stringMatching(/2000 x 1000 x 1500 mm are 1000 times off .* 2 x 1 x 1\.5 mm/),
        },
      ]);
  });
});
