import { randomUUID } from "node:crypto";
import { mkdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { CORRECTIONS_FOLDER, correctionName, readCorrections } from "../data/corrections.js";
import { type CaseFiles, openDataset } from "../data/dataset.js";
import { imagePathsOf } from "../data/image-paths.js";
import { isInside } from "../data/inside.js";
import { badInput } from "../errors.js";
import { placeNew } from "../files/place-new.js";
import { openChannels } from "../volume/read-channels.js";
import { readH5Case } from "../volume/read-h5.js";
import { type Grid, voxelCount } from "../volume/volume.js";
import { writeLabelMap } from "../volume/write.js";
import type { SavedLabel } from "./api.js";
import { caseOf } from "./not-there.js";

/** Where a case's voxels lie. @throws NotThere; PenumbraError "bad-input" for an image that can't be read. */
export async function gridOfCase(
  dataDir: string,
  id: string,
): Promise<{ grid: Grid; classes: number; files: CaseFiles }> {
  const dataset = await openDataset(dataDir);
  const files = caseOf(dataset, id);
  const isH5 = /\.(h5|hdf5)$/i.test(files.imagePath);
  const { grid } = isH5
    ? (await readH5Case(files.imagePath)).image
    : await openChannels(imagePathsOf(files), dataset.channelNames.length);
  return { grid, classes: dataset.classNames.length, files };
}

/**
 * Saves a drawn label map (class of each voxel, [D, H, W] in the image's own order) as the case's next version in the
 * data directory's `labelsCorrected`. No file that is there is written to: a version that another writer took in
 * between makes this one the next. Bad input: no such case, another number of voxels, a class that the data lack.
 */
export async function saveLabel(dataDir: string, id: string, voxels: Uint8Array): Promise<SavedLabel> {
  const { grid, classes } = await gridOfCase(dataDir, id);
  if (voxels.length !== voxelCount(grid.shape)) {
    throw badInput(
      `${id}: ${voxels.length} voxels were sent for an image of [${grid.shape.join(", ")}]; nothing was saved`,
    );
  }
  const odd = voxels.findIndex((value) => value >= classes);
  if (odd >= 0)
    throw badInput(
      `${id}: class ${voxels[odd]} at voxel ${odd}; expected 0 to ${classes - 1}; nothing was saved`,
    );
  const folder = join(dataDir, CORRECTIONS_FOLDER);
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw badInput(`${folder} can't be made (${cause.code}); nothing was saved`, cause);
  });
  if (!isInside(await realpath(dataDir), await realpath(folder)))
    throw badInput(`${folder}: a link that leads out of ${dataDir}; nothing was saved`);
  const drawn = join(folder, `.${id}.${randomUUID()}.nii.gz`);
  await writeLabelMap(drawn, { grid, data: voxels });
  try {
    return await publish(dataDir, id, drawn);
  } finally {
    await rm(drawn, { force: true });
  }
}

/** Gives a written file the first free version; nothing is replaced. */
async function publish(dataDir: string, id: string, drawn: string): Promise<SavedLabel> {
  let version = ((await readCorrections(dataDir)).get(id)?.version ?? 0) + 1;
  for (;;) {
    const path = join(dataDir, CORRECTIONS_FOLDER, correctionName(id, version));
    if (placeNew(drawn, path)) return { path, version, note: await noteFor(dataDir, id) };
    version++;
  }
}

async function noteFor(dataDir: string, id: string): Promise<string> {
  const { labeled, test } = await openDataset(dataDir);
  if (labeled.some((files) => files.id === id)) return "labeled with this version in the next train";
  return test.some((files) => files.id === id)
    ? "a test case: kept beside the data, but scores go on using its own label"
    : "kept beside the data";
}
