import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Grid } from "../src/volume/volume.js";
import { writeVolume } from "../src/volume/write.js";
import { encodeNifti } from "../src/volume/write-nifti.js";
import { ball, GRID, putLabel } from "./made-up-data.js";

/** A volume without the ball, and then the ball's: only the second channel shows what is to be segmented. */
export function twoChannels(seed: number, grid: Grid = GRID): [Float32Array, Float32Array] {
  const { image } = ball(seed, grid.shape);
  return [Float32Array.from(image, (_, i) => 40 + ((i * 6007 + seed * 911) % 53)), image];
}

/** Writes volumes of one grid as one 4-D NIfTI file, as the Decathlon does. */
export function putFourD(path: string, volumes: readonly Float32Array[], grid: Grid = GRID): void {
  const [first, ...others] = volumes.map((data) => encodeNifti(path, grid, { type: "f32", data, slope: 1 }));
  first!.writeInt16LE(4, 40); // dim[0]
  first!.writeInt16LE(volumes.length, 48); // dim[4]
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.concat([first!, ...others.map((one) => one.subarray(352))]));
}

/** The same scans of two channels in the Decathlon's layout (`dir`/4d) and in nnU-Net's (`dir`/files). */
export async function twoChannelSets(dir: string): Promise<{ fourD: string; files: string }> {
  const sets = { fourD: join(dir, "4d"), files: join(dir, "files") };
  const training: object[] = [];
  for (const [id, seed, part] of [
    ["tr0", 0, "Tr"],
    ["tr1", 1, "Tr"],
    ["tr2", 2, "Tr"],
    ["te0", 10, "Ts"],
  ] as const) {
    const channels = twoChannels(seed);
    const image = `images${part}/${id}.nii`;
    putFourD(join(sets.fourD, image), channels);
    mkdirSync(join(sets.files, `images${part}`), { recursive: true });
    for (const [i, data] of channels.entries())
      await writeVolume(join(sets.files, `images${part}/${id}_000${i}.nii`), { grid: GRID, data });
    const isLabeled = id !== "tr2";
    const label = `labels${part}/${id}.nii`;
    if (isLabeled) {
      for (const set of Object.values(sets)) {
        mkdirSync(join(set, `labels${part}`), { recursive: true });
        await putLabel(set, label, ball(seed).label);
      }
    }
    if (part === "Tr") training.push(isLabeled ? { image, label } : { image });
  }
  const names = { 0: "T1", 1: "T2" };
  const inFourD = { modality: names, labels: { 0: "background", 1: "left ball" }, training };
  writeFileSync(
    join(sets.fourD, "dataset.json"),
    JSON.stringify({ ...inFourD, file_ending: ".nii", test: ["imagesTs/te0.nii"] }),
  );
  const inFiles = { channel_names: names, labels: { background: 0, "left ball": 1 }, file_ending: ".nii" };
  writeFileSync(join(sets.files, "dataset.json"), JSON.stringify(inFiles));
  return sets;
}
