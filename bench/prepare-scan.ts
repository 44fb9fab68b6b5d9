import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Triple } from "#dist/volume/volume.js";
import { writeLabelMap } from "#dist/volume/write.js";
import { encodeNifti } from "#dist/volume/write-nifti.js";
import { madeUpCt, madeUpGrid } from "./read-scan.js";

async function putCase(dir: string, shape: Triple): Promise<void> {
  const grid = madeUpGrid(shape);
  const hu = madeUpCt(shape);
  const nifti = encodeNifti(join(dir, "scan.nii"), grid, { type: "i16", data: hu, slope: 1 });
  writeFileSync(join(dir, "scan.nii.gz"), gzipSync(nifti, { level: 1 }));
  const data = Uint8Array.from(hu, (value) => (value > 45 ? 1 : 0));
  await writeLabelMap(join(dir, "label.nii.gz"), { grid, data });
}

const NAMES: Readonly<Record<string, string>> = {
  linear: "image to 1 mm, linear",
  cubic: "image to 1 mm, cubic",
  nearest: "label to 1 mm, nearest",
  "one-hot-linear": "label to 1 mm, one-hot linear",
  prepare: "prepare: read, clip, resample, z-score, store",
  again: "prepare again: found",
  "patches-of-10": "a batch of 4 patches from 10 stored cases",
  "patches-of-1000": "a batch of 4 patches from 1000 stored cases",
};

/**
 * Seconds, CPU seconds and peak memory (GB) of preparing a made-up CT with its label, each part in a process of its own that reads
 * the scan first, and of drawing patches of 80x112x112 from stored cases of that size.
 */
export async function benchPrepareScan({ shape }: { shape: Triple }): Promise<Record<string, number>> {
  const dir = mkdtempSync(join(tmpdir(), "penumbra-bench-"));
  try {
    await putCase(dir, shape);
    const once = fileURLToPath(new URL("./prepare-scan-once.js", import.meta.url));
    const run = (part: string) =>
      JSON.parse(execFileSync(process.execPath, [once, part, dir], { encoding: "utf8" })) as {
        seconds: number;
        cpuSeconds: number;
        peakGb: number;
      };
    const figures: Record<string, number> = {};
    for (const [part, name] of Object.entries(NAMES)) {
      if (part === "patches-of-10") run("stored-once"); // so that no figure of patches holds the preparation's memory
      const { seconds, cpuSeconds, peakGb } = run(part);
      figures[`${name}: seconds`] = seconds;
      figures[`${name}: CPU seconds`] = cpuSeconds;
      figures[`${name}: peak GB`] = peakGb;
    }
    return figures;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
