import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync, inflateSync, unzipSync } from "node:zlib";
import type { Random } from "#dist/data/random.js";
import { writeLabelMap, writeVolume } from "#dist/volume/write.js";
import { GRID, VOXELS } from "./image-targets.js";
import { mutateBytes } from "./mutate.js";
import { mutateText } from "./mutate-text.js";
import { readEveryWay } from "./read-every-way.js";
import { pick, type Target } from "./target.js";

/** A file whose header is text: the header, and the voxels unpacked. */
interface Seed {
  readonly header: string;
  readonly voxels: Buffer;
}

const [PLAIN_FILE, PACKED_FILE] = ["voxels.raw", "voxels.raw.gz"];

/** Voxels as bytes, packed bytes or numbers, whole or mutated; when packed, before or after packing. */
function body(voxels: Buffer, pack: (bytes: Buffer) => Buffer, random: Random): Buffer {
  const kind = random.below(6);
  if (kind === 0) return voxels;
  if (kind === 1) return Buffer.from([...voxels].join(" "));
  if (kind === 2) return mutateText([...voxels.subarray(0, 40)].join(" "), random);
  if (kind === 3) return mutateBytes(pack(voxels), random);
  return pack(kind === 4 ? mutateBytes(voxels, random) : voxels);
}

/** Made by the writer, an image and a label map; the same header for other ways of storing voxels. */
async function seedsOf(
  path: string,
  end: string,
  unpack: (bytes: Buffer) => Buffer,
  variants: readonly (readonly [RegExp, string])[],
): Promise<Seed[]> {
  const seeds: Seed[] = [];
  for (const write of [
    () => writeVolume(path, { grid: GRID, data: Float32Array.from({ length: VOXELS }, (_, i) => i % 9) }),
    () => writeLabelMap(path, { grid: GRID, data: new Uint8Array(VOXELS).fill(1) }),
  ]) {
    await write();
    const bytes = readFileSync(path);
    const at = bytes.indexOf(end) + end.length;
    const [header, voxels] = [bytes.toString("latin1", 0, at), unpack(bytes.subarray(at))];
    seeds.push(
      { header, voxels },
      ...variants.map(([from, to]) => ({ header: header.replace(from, to), voxels })),
    );
  }
  return seeds;
}

function putBeside(dir: string, voxels: Buffer, pack: (bytes: Buffer) => Buffer): void {
  writeFileSync(join(dir, PLAIN_FILE), voxels);
  writeFileSync(join(dir, PACKED_FILE), pack(voxels));
}

const nrrd: Target = {
  name: "nrrd",
  share: 20,
  async prepare(dir) {
    const path = join(dir, "x.nrrd");
    const encodings = ["raw", "ascii", "gz"].map((name) => [/gzip/, name] as const);
    const detached = [/encoding: gzip\n/, `encoding: raw\ndata file: ${PLAIN_FILE}\n`] as const;
    const seeds = await seedsOf(path, "\n\n", unzipSync, [...encodings, detached]);
    putBeside(dir, seeds[0]!.voxels, gzipSync);
    const mutated = (random: Random) => {
      const { header, voxels } = pick(seeds, random);
      const head = random.below(4) === 0 ? Buffer.from(header, "latin1") : mutateText(header, random);
      return Buffer.concat([head, body(voxels, gzipSync, random)]);
    };
    return { path, mutated, read: () => readEveryWay(path) };
  },
};

const metaImage: Target = {
  name: "metaimage",
  share: 20,
  async prepare(dir) {
    const path = join(dir, "x.mha");
    const variants = [
      [/CompressedData = True\nCompressedDataSize = \d+\n/, "CompressedData = False\n"],
      [/CompressedDataSize = \d+\n/, ""],
      [/BinaryData = True/, "BinaryData = False"],
      [/ElementDataFile = LOCAL/, `ElementDataFile = ${PACKED_FILE}`],
    ] as const;
    const seeds = await seedsOf(path, "LOCAL\n", inflateSync, variants);
    putBeside(dir, seeds[0]!.voxels, deflateSync);
    const mutated = (random: Random) => {
      const { header, voxels } = pick(seeds, random);
      const head = random.below(4) === 0 ? Buffer.from(header, "latin1") : mutateText(header, random);
      return Buffer.concat([head, body(voxels, deflateSync, random)]);
    };
    return { path, mutated, read: () => readEveryWay(path) };
  },
};

export const TEXT_HEADER_TARGETS: readonly Target[] = [nrrd, metaImage];
