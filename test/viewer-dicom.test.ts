import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CaseTable } from "../src/viewer/api.js";
import { startViewer, type Viewer } from "../src/viewer/server.js";
import { openDicomFrames } from "../src/volume/dicom.js";
import { COLUMNS, putSeries, ROWS, SLICES } from "../src/volume/made-up-dicom.testing.js";
import { readLabelMap, readVolume } from "../src/volume/read.js";
import { writeSegmentation } from "../src/volume/write-dicom-seg.js";

const base = mkdtempSync(join(tmpdir(), "penumbra-viewer-dicom-"));
const data = join(base, "data");
let viewer: Viewer;
beforeAll(async () => {
  mkdirSync(join(data, "imagesTr"), { recursive: true });
  putSeries(join(data, "imagesTr", "ct1"));
  const set = { labels: { "0": "background", "1": "liver" }, training: ["imagesTr/ct1"], test: [] };
  writeFileSync(join(data, "dataset.json"), JSON.stringify(set));
  viewer = await startViewer({ dir: data, port: 0 });
});
afterAll(async () => {
  await viewer.close();
  rmSync(base, { recursive: true });
});
const get = (path: string) => fetch(viewer.url + path);

it("sends a DICOM series as one NIfTI file of int16 on the series' own grid", async () => {
  const table = (await (await get("api/data/~data/cases")).json()) as CaseTable;
  const { image } = table.rows[0]!.layers;
  const answer = await get(image);
  expect(answer.status).toBe(200);
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(bytes.length).toBe(352 + 2 * ROWS * COLUMNS * SLICES);
  writeFileSync(join(base, "sent.nii"), bytes);
  const sent = await readVolume(join(base, "sent.nii"));
  const series = await readVolume(join(data, "imagesTr", "ct1"));
  expect(sent.data).toEqual(series.data);
  expect(sent.grid.shape).toEqual(series.grid.shape);
  for (const [i, value] of series.grid.affine!.entries()) expect(sent.grid.affine![i]).toBeCloseTo(value, 4);
});

it("lays a DICOM segmentation onto the whole series, though it has only the slices that hold something", async () => {
  const labels = Uint8Array.from({ length: SLICES * ROWS * COLUMNS }, (_, i) =>
    Math.floor(i / (ROWS * COLUMNS)) === 3 && i % 3 === 0 ? 1 : 0,
  );
  const scan = join(data, "imagesTr", "ct1");
  mkdirSync(join(data, "labelsTr"), { recursive: true });
  await writeSegmentation(
    join(data, "labelsTr", "ct1.dcm"),
    { kind: "BINARY", labels },
    { frames: await openDicomFrames(scan), classNames: ["background", "liver"] },
    2.5,
  );
  const training = [{ image: "imagesTr/ct1", label: "labelsTr/ct1.dcm" }];
  const set = { labels: { "0": "background", "1": "liver" }, training, test: [] };
  writeFileSync(join(data, "dataset.json"), JSON.stringify(set));
  const table = (await (await get("api/data/~data/cases")).json()) as CaseTable;
  const answer = await get(table.rows[0]!.layers.reference!);
  expect(answer.status).toBe(200);
  writeFileSync(join(base, "label.nii"), Buffer.from(await answer.arrayBuffer()));
  expect((await readLabelMap(join(base, "label.nii"))).data).toEqual(labels);
});

it("does not read a series of which a file leads out of the data, nor list a folder", async () => {
  writeFileSync(join(base, "secret.dcm"), "secret");
  putSeries(join(data, "imagesTr", "ct2"));
  symlinkSync(join(base, "secret.dcm"), join(data, "imagesTr", "ct2", "link.dcm"));
  expect((await get("volumes/data/~data/imagesTr/ct2")).status).toBe(403);
  expect((await get("files/data/~data/imagesTr/ct1")).status).toBe(404);
});
