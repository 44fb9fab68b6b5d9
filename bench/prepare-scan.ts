import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Triple } from "#dist/volume/volume.js";
import { writeLabelMap } from "#dist/volume/write.js";
import { encodeNifti } from "#dist/volume/write-nifti.js";
import { median } from "./measure.js";
import { madeUpCt, madeUpGrid } from "./read-scan.js";

/** A ball that fills 2 % of the volume's box, as a large organ does. */
function madeUpOrgan([depth, height, width]: Triple): Uint8Array {
  const from = (n: number, size: number) => n / size - 0.5;
  const RADIUS = 0.17;
  return Uint8Array.from({ length: depth * height * width }, (_, i) => {
    const [z, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    return Math.hypot(from(z, depth), from(y, height), from(x, width)) < RADIUS ? 1 : 0;
  });
}

async function putCase(dir: string, shape: Triple): Promise<void> {
  const grid = madeUpGrid(shape);
  const hu = madeUpCt(shape);
  const nifti = encodeNifti(join(dir, "scan.nii"), grid, { type: "i16", data: hu, slope: 1 });
  writeFileSync(join(dir, "scan.nii.gz"), gzipSync(nifti, { level: 1 }));
  await writeLabelMap(join(dir, "label.nii.gz"), { grid, data: madeUpOrgan(shape) });
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

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakGb: number;
}

const UNITS: Readonly<Record<string, keyof Figures>> = {
  seconds: "seconds",
  "CPU seconds": "cpuSeconds",
  "peak GB": "peakGb",
};

/**
 * Seconds, CPU seconds and peak memory (GB), medians of `repeats`, of preparing a made-up CT with its label, each part in a process
 * of its own that reads the scan first, and of drawing patches of 80x112x112 from stored cases of that size.
 */
export async function benchPrepareScan({ shape, repeats }: { shape: Triple; repeats: number }) {
  const dir = mkdtempSync(join(tmpdir(), "penumbra-bench-"));
  try {
    await putCase(dir, shape);
    const once = fileURLToPath(new URL("./prepare-scan-once.js", import.meta.url));
    const run = (part: string) =>
      JSON.parse(execFileSync(process.execPath, [once, part, dir], { encoding: "utf8" })) as Figures;
    run("stored-once"); // so that no figure of patches holds the preparation's memory
    const rounds = Array.from({ length: repeats }, () => {
      rmSync(join(dir, "cache"), { recursive: true, force: true }); // nothing is prepared when a round begins
      return Object.keys(NAMES).map(run);
    });
    return Object.fromEntries(
      Object.values(NAMES).flatMap((name, i) =>
        Object.entries(UNITS).map(([unit, key]) => [
          `${name}: ${unit}`,
          median(rounds.map((round) => round[i]![key])),
        ]),
      ),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}
