import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import h5 from "h5wasm/node";
import { readLabelMap, readVolume } from "#dist/volume/read.js";
import { readH5Case } from "#dist/volume/read-h5.js";
import { writeLabelMap, writeVolume } from "#dist/volume/write.js";
import { mutateBytes, mutateHead, mutateUsed } from "./mutate.js";
import { pick, type Target } from "./target.js";

/** Of all small volumes. */
export const GRID = {
  shape: [5, 6, 7],
  spacingMm: [2, 1, 1.5],
  affine: [-1.5, 0, 0, 30, 0, -1, 0, 12, 0, 0, 2, -7, 0, 0, 0, 1],
} as const;
export const VOXELS = 5 * 6 * 7;
const HEADER_BYTES = 352;

/** NIfTI, not packed: nearly all mutations in the header. */
const nifti: Target = {
  name: "nifti",
  share: 20,
  async prepare(dir) {
    const path = join(dir, "x.nii");
    await writeVolume(path, { grid: GRID, data: Float32Array.from({ length: VOXELS }, (_, i) => i) });
    const image = readFileSync(path);
    await writeLabelMap(path, { grid: GRID, data: new Uint8Array(VOXELS) });
    const seeds = [image, readFileSync(path)];
    return {
      path,
      mutated: (random) => mutateHead(pick(seeds, random), HEADER_BYTES, random),
      read: () => readVolume(path).then(() => readLabelMap(path)),
    };
  },
};

/** NIfTI, gzipped: mutations of the packed bytes, or of the header and packed again. */
const niftiGzip: Target = {
  name: "nifti-gz",
  share: 10,
  async prepare(dir) {
    const path = join(dir, "x.nii.gz");
    await writeVolume(path, { grid: GRID, data: Float32Array.from({ length: VOXELS }, (_, i) => i % 5) });
    const packed = readFileSync(path);
    const plain = gunzipSync(packed);
    const mutated: Awaited<ReturnType<Target["prepare"]>>["mutated"] = (random) =>
      random.below(2) === 0 ? mutateBytes(packed, random) : gzipSync(mutateHead(plain, HEADER_BYTES, random));
    return { path, mutated, read: () => readVolume(path) };
  },
};

/** A damaged file must not spoil the library, which lives as long as the process. @throws the refusal, if all is well */
async function stillReads(good: string, refusal: unknown): Promise<never> {
  await readH5Case(good).catch((cause) => {
    throw new Error("after a damaged file, a good one is not read", { cause });
  });
  throw refusal;
}

/** The literature's h5: small files, chunked and gzipped as theirs, and not. */
const hdf5: Target = {
  name: "h5",
  share: 10,
  async prepare(dir) {
    await h5.ready;
    const path = join(dir, "mri_norm2.h5");
    const good = join(dir, "good.h5");
    const seeds = [true, false].map((chunked) => {
      const file = new h5.File(path, "w");
      const layout = chunked ? { chunks: [3, 4, 5], compression: 4 } : {};
      const shape = [7, 6, 5];
      file.create_dataset({ name: "image", data: new Float32Array(VOXELS), shape, ...layout });
      file.create_dataset({ name: "label", data: new Uint8Array(VOXELS), shape, ...layout });
      file.close();
      return readFileSync(path);
    });
    writeFileSync(good, seeds[0]!);
    return {
      path,
      mutated: (random) => (random.below(4) === 0 ? mutateBytes : mutateUsed)(pick(seeds, random), random),
      read: () => readH5Case(path).catch((refusal) => stillReads(good, refusal)),
    };
  },
};

export const IMAGE_TARGETS: readonly Target[] = [nifti, niftiGzip, hdf5];
