import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Random } from "#dist/data/random.js";
import { openDicomFrames } from "#dist/volume/dicom.js";
import { encodeFile } from "#dist/volume/dicom-encode.js";
import { readLabelMap, readVolume } from "#dist/volume/read.js";
import { writeSegmentation } from "#dist/volume/write-dicom-seg.js";
import { multiFrame, oneSlice } from "./made-up-scan.js";
import { mutateBytes, mutateUsed } from "./mutate.js";
import { mutateDataset } from "./mutate-dataset.js";
import { readEveryWay } from "./read-every-way.js";
import { pick, type Target } from "./target.js";

const PREAMBLE_BYTES = 132;
const SLICES = 5;

/** Bytes behind the preamble, of which half are zero in numbers. */
const mutateFile = (file: Buffer, random: Random): Buffer => {
  const rest = file.subarray(PREAMBLE_BYTES);
  const mutated = (random.below(2) === 0 ? mutateBytes : mutateUsed)(rest, random);
  return Buffer.concat([file.subarray(0, PREAMBLE_BYTES), mutated]);
};

/** One file: a slice, or a volume of several frames. */
const single: Target = {
  name: "dicom",
  share: 20,
  async prepare(dir) {
    const path = join(dir, "x.dcm");
    const seeds = [oneSlice(0), multiFrame(SLICES)];
    const mutated = (random: Random) => {
      const seed = pick(seeds, random);
      return random.below(3) === 0
        ? mutateFile(encodeFile(seed), random)
        : encodeFile(mutateDataset(seed, random));
    };
    return { path, mutated, read: () => readEveryWay(path) };
  },
};

/** A folder of five slices of which one is mutated. */
const series: Target = {
  name: "dicom-series",
  share: 10,
  async prepare(dir) {
    const folder = join(dir, "series");
    mkdirSync(folder);
    for (let i = 0; i < SLICES; i++) writeFileSync(join(folder, `${i}.dcm`), encodeFile(oneSlice(i)));
    const mutated = (random: Random) =>
      random.below(3) === 0
        ? mutateFile(encodeFile(oneSlice(2)), random)
        : encodeFile(mutateDataset(oneSlice(2), random));
    return { path: join(folder, "2.dcm"), mutated, read: () => readEveryWay(folder) };
  },
};

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../test/fixtures/dicom/${name}.dcm`, import.meta.url)));

/** Where the compressed frame of a file begins: behind the item of offsets and the frame's own item tag. */
function frameStart(file: Buffer): number {
  const offsets = file.lastIndexOf(Buffer.from("e07f10004f420000ffffffff", "hex")) + 12;
  return offsets + 8 + file.readUInt32LE(offsets + 4) + 8;
}

/** Frames in each compression: mutations in the frame, in an item of the right length, or anywhere. */
const packed: Target = {
  name: "dicom-packed",
  share: 20,
  async prepare(dir) {
    const path = join(dir, "x.dcm");
    const seeds = ["jpeg-2000", "jpeg-lossless", "jpeg-ls", "run-length"].map((name) => {
      const file = fixture(name);
      const start = frameStart(file);
      const end = start + file.readUInt32LE(start - 4);
      return { file, start, frame: file.subarray(start, end), rest: file.subarray(end) };
    });
    const mutated = (random: Random) => {
      const { file, start, frame, rest } = pick(seeds, random);
      if (random.below(4) === 0) return mutateFile(file, random);
      const changed = mutateBytes(frame, random);
      const even = changed.length % 2 === 0 ? changed : Buffer.concat([changed, Buffer.alloc(1)]);
      const head = Buffer.from(file.subarray(0, start));
      head.writeUInt32LE(even.length, start - 4);
      return Buffer.concat([head, even, rest]);
    };
    return { path, mutated, read: () => readEveryWay(path) };
  },
};

/** A segmentation, laid onto its scan and on its own frames. */
const segmentation: Target = {
  name: "dicom-seg",
  share: 10,
  async prepare(dir) {
    const [scan, path] = [join(dir, "scan.dcm"), join(dir, "x.dcm")];
    writeFileSync(scan, encodeFile(multiFrame(SLICES)));
    const { grid, data } = await readVolume(scan);
    const source = { frames: await openDicomFrames(scan), classNames: ["background", "liver", "tumor"] };
    const labels = Uint8Array.from(data, (_, i) => i % 3);
    await writeSegmentation(path, { kind: "BINARY", labels }, source, 2);
    const seeds = [readFileSync(path)];
    const probabilities = [1, 2].map((value) =>
      Float32Array.from(labels, (label) => (label === value ? 1 : 0)),
    );
    await writeSegmentation(path, { kind: "FRACTIONAL", probabilities }, source, 2);
    seeds.push(readFileSync(path));
    return {
      path,
      mutated: (random) => mutateFile(pick(seeds, random), random),
      read: async () => {
        await readLabelMap(path, grid);
        await readEveryWay(path);
      },
    };
  },
};

export const DICOM_TARGETS: readonly Target[] = [single, series, packed, segmentation];
