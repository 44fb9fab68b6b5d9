import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDataset } from "../src/data/dataset.js";
import { prepareCase } from "../src/data/prepare.js";
import { saveLabel } from "../src/viewer/save-label.js";
import { readGrid, readLabelMap } from "../src/volume/read.js";
import { ball, madeUpSet } from "./made-up-data.js";

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-save-"));
  await madeUpSet(dir);
});
afterEach(() => {
  chmodSync(dir, 0o755);
  rmSync(dir, { recursive: true });
});

const ids = (cases: readonly { id: string }[]) => cases.map(({ id }) => id);

it("makes an unlabeled case labeled for the next training, on the image's own grid", async () => {
  const { label } = ball(7);
  const saved = await saveLabel(dir, "tr2", label);
  expect(saved).toMatchObject({ version: 1, path: join(dir, "labelsCorrected", "tr2_v1.nii.gz") });
  expect(saved.note).toContain("next train");
  const written = await readLabelMap(saved.path);
  expect(written.data).toEqual(label);
  expect(written.grid.affine).toEqual((await readGrid(join(dir, "imagesTr", "tr2.nii.gz"))).affine);
  const set = await openDataset(dir, { labeled: 1 });
  expect([ids(set.labeled), ids(set.unlabeled)]).toEqual([
    ["tr0", "tr2"],
    ["tr1", "tr3"],
  ]);
  const options = { classes: 2, normalization: "z-score", regionMask: "all", axisOrder: "stored" } as const;
  expect((await prepareCase(set.labeled[1]!, options)).label).toEqual(label);
});

it("never writes over anything: each save is a version of its own, the newest is used", async () => {
  const own = readFileSync(join(dir, "labelsTr", "tr0.nii.gz"));
  const versions = [1, 2, 3].map((seed) => ball(seed).label);
  const saved = await Promise.all(versions.map((voxels) => saveLabel(dir, "tr0", voxels)));
  expect(saved.map(({ version }) => version).sort()).toEqual([1, 2, 3]);
  for (const [i, { path }] of saved.entries()) expect((await readLabelMap(path)).data).toEqual(versions[i]);
  expect(readFileSync(join(dir, "labelsTr", "tr0.nii.gz"))).toEqual(own);
  expect(readdirSync(join(dir, "labelsCorrected")).sort()).toEqual([1, 2, 3].map((n) => `tr0_v${n}.nii.gz`));
  expect((await openDataset(dir)).labeled[0]!.labelPath).toMatch(/tr0_v3\.nii\.gz$/);
});

it("is not saved through a link that leads out of the data", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "penumbra-elsewhere-"));
  symlinkSync(elsewhere, join(dir, "labelsCorrected"));
  await expect(saveLabel(dir, "tr2", ball(7).label)).rejects.toThrow(
    /labelsCorrected: a link that leads out/,
  );
  expect(readdirSync(elsewhere)).toEqual([]);
  rmSync(elsewhere, { recursive: true });
});

it("keeps a test case's own label for scores", async () => {
  const { note } = await saveLabel(dir, "te0", ball(3).label);
  expect(note).toContain("scores go on using its own label");
  expect((await openDataset(dir)).test[0]!.labelPath).toMatch(/labelsTs/);
});

it("refuses another number of voxels, a class that the data lack, and a case that is not there", async () => {
  const { label } = ball(1);
  await expect(saveLabel(dir, "tr2", label.subarray(1))).rejects.toThrow(
    /7919 voxels were sent for an image of \[18, 20, 22\]/,
  );
  await expect(
    saveLabel(
      dir,
      "tr2",
      label.map((value) => 2 * value),
    ),
  ).rejects.toThrow(/class 2 at voxel .*expected 0 to 1/);
  await expect(saveLabel(dir, "../tr2", label)).rejects.toThrow(/no case \.\.\/tr2/);
  expect(existsSync(join(dir, "labelsCorrected"))).toBe(false);
});
