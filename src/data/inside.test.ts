import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import { openDataset } from "./dataset.js";
import { checkCaseName } from "./inside.js";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-inside-"));
  for (const folder of ["data/imagesTr", "data/labelsTr", "elsewhere"])
    mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, "elsewhere/secret.nii.gz"), "");
  writeFileSync(join(dir, "data/imagesTr/a.nii.gz"), "");
});
afterEach(() => rmSync(dir, { recursive: true }));

const data = () => join(dir, "data");
function list(...training: (string | { image: string; label: string })[]): void {
  const labels = { 0: "background", 1: "liver" };
  writeFileSync(join(data(), "dataset.json"), JSON.stringify({ labels, training }));
}
const link = (target: string, name: string) => symlinkSync(join(dir, target), join(data(), name));

describe("lists of a data folder", () => {
  it.each(["../elsewhere/secret.nii.gz", "imagesTr/../../elsewhere/secret.nii.gz", "/etc/hostname", "."])(
    "can't name %s",
    async (path) => {
      list("imagesTr/a.nii.gz", path);
      await expect(openDataset(data())).rejects.toThrow(/dataset\.json: .* leads out of the data folder/);
    },
  );

  it("can't name a label outside", async () => {
    list({ image: "imagesTr/a.nii.gz", label: "../elsewhere/secret.nii.gz" });
    await expect(openDataset(data())).rejects.toThrow(/leads out of the data folder/);
  });

  it("can't reach out through a link to a file or a folder, unless links are allowed", async () => {
    link("elsewhere/secret.nii.gz", "imagesTr/linked.nii.gz");
    link("elsewhere", "far");
    for (const path of ["imagesTr/linked.nii.gz", "far/secret.nii.gz"]) {
      list("imagesTr/a.nii.gz", path);
      await expect(openDataset(data())).rejects.toThrow(
        `${join(data(), path)}: a link that leads out of ${data()}, to ${join(dir, "elsewhere/secret.nii.gz")}`,
      );
      expect((await openDataset(data(), { allowLinks: true })).unlabeled).toHaveLength(2);
    }
  });

  it("nor can the folders of a layout without lists, or a label's link", async () => {
    list({ image: "imagesTr/a.nii.gz", label: "labelsTr/a.nii.gz" });
    link("elsewhere/secret.nii.gz", "labelsTr/a.nii.gz");
    await expect(openDataset(data())).rejects.toThrow(/labelsTr\/a\.nii\.gz: a link that leads out/);
    writeFileSync(
      join(data(), "dataset.json"),
      JSON.stringify({ labels: { background: 0, liver: 1 }, file_ending: ".nii.gz" }),
    );
    link("elsewhere/secret.nii.gz", "imagesTr/b_0000.nii.gz");
    await expect(openDataset(data())).rejects.toThrow(/a link that leads out/);
  });

  it("follow links within the folder, and the folder may be reached through one", async () => {
    symlinkSync(join(data(), "imagesTr/a.nii.gz"), join(data(), "imagesTr/b.nii.gz"));
    symlinkSync(data(), join(dir, "door"));
    list("imagesTr/a.nii.gz", "imagesTr/b.nii.gz");
    expect((await openDataset(join(dir, "door"))).unlabeled.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("can't name a case that results can't be named by", async () => {
    writeFileSync(join(data(), "imagesTr/\u001b[2Ja\nb.nii.gz"), "");
    list("imagesTr/\u001b[2Ja\nb.nii.gz");
    await expect(openDataset(data())).rejects.toThrow(/can't be a case's name/);
  });
});

describe("checkCaseName", () => {
  it.each(["", ".", "..", ".hidden", "a/b", "a\\b", "../a", "a\nb", "a\u0000", "\u202egpj", "x".repeat(201)])(
    "refuses %j",
    (name) => {
      expect(complaint(() => checkCaseName(name, "/data/file"))).toMatch(
        /^\/data\/file: ".*" can't be a case's name/,
      );
    },
  );
  it.each(["la_003", "Patient 7 (left)", "naïve", "a..b"])("takes %s", (name) => {
    expect(checkCaseName(name, "/data/file")).toBe(name);
  });
});
