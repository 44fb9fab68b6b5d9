import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openDataset } from "../data/dataset.js";
import { readLabelMap, readVolume } from "../volume/read.js";
import { makePhantom, SCANNERS } from "./phantom.js";
import { writePhantomDataset } from "./phantom-dataset.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-phantoms-"));
afterAll(() => rmSync(dir, { recursive: true }));

it("writes a data folder that training opens, without a trace of the unlabeled ones' labels", async () => {
  const shape = [16, 24, 24] as const;
  await writePhantomDataset(dir, { seed: 9, labeled: 2, unlabeled: 3, test: 2, shape });
  const dataset = await openDataset(dir);
  expect(dataset.classNames).toEqual(["background", "left atrium"]);
  expect(dataset.labeled.map(({ id }) => id)).toEqual(["phantom_000", "phantom_001"]);
  expect(dataset.unlabeled.map(({ id }) => id)).toEqual(["phantom_002", "phantom_003", "phantom_004"]);
  expect(dataset.test.map(({ id }) => id)).toEqual(["phantom_005", "phantom_006"]);
  expect(dataset.test.every(({ labelPath }) => labelPath !== null)).toBe(true);
  expect(readdirSync(join(dir, "labelsTr"))).toHaveLength(2);

  const { image, label } = makePhantom(9, 6, shape, SCANNERS.everyday);
  const volume = await readVolume(dataset.test[1]!.imagePath);
  expect(volume.data).toEqual(image);
  expect(volume.grid.spacingMm).toEqual([1.25, 1.25, 1.25]);
  expect((await readLabelMap(dataset.test[1]!.labelPath!)).data).toEqual(label);
});
