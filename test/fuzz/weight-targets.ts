import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { scope } from "#dist/engine/scope.js";
import { SegmentationNetwork } from "#dist/models/segmentation-network.js";
import { writeState } from "#dist/training/checkpoint.js";
import { type HostTensor, readSafetensors, writeSafetensors } from "#dist/training/safetensors.js";
import { importWeights } from "#dist/weights/import-weights.js";
import { readTensorFile } from "#dist/weights/tensor-file.js";
import { mutateBytes, mutateHead, mutateJson } from "./mutate.js";
import { pick, type Target } from "./target.js";
import { type ZipFile, zipArchive } from "./zip-archive.js";

const root = new URL("../../", import.meta.url);
const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`test/fixtures/pth/${name}`, root)));

/** Stored entries of a zip archive as PyTorch writes it; only for the fixtures, which are whole. */
function entriesOf(archive: Buffer): ZipFile[] {
  const files: ZipFile[] = [];
  const end = archive.lastIndexOf("PK\x05\x06", undefined, "latin1");
  let at = archive.readUInt32LE(end + 16);
  while (archive.readUInt32LE(at) === 0x02014b50) {
    const [size, nameBytes] = [archive.readUInt32LE(at + 24), archive.readUInt16LE(at + 28)];
    const local = archive.readUInt32LE(at + 42);
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const name = archive.toString("latin1", at + 46, at + 46 + nameBytes);
    files.push({ name, bytes: archive.subarray(start, start + size) });
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return files;
}

const zipForm: Target = {
  name: "pth",
  share: 10,
  async prepare(dir) {
    const [path, seeds] = [join(dir, "x.pth"), ["checkpoint.pth", "module.pth"].map(fixture)];
    return {
      path,
      mutated: (random) => mutateBytes(pick(seeds, random), random),
      read: () => readTensorFile(path),
    };
  },
};

/** Mutates what is in the archive and signs it anew: checksums would keep most mutations of the other kind out. */
const pickles: Target = {
  name: "pth-pickle",
  share: 25,
  async prepare(dir) {
    const path = join(dir, "x.pth");
    const seeds = ["checkpoint.pth", "module.pth", "malicious.pth"].map((name) => entriesOf(fixture(name)));
    return {
      path,
      mutated: (random) =>
        zipArchive(
          pick(seeds, random).map((file) =>
            file.name.endsWith(".pkl") ? { ...file, bytes: mutateBytes(file.bytes, random) } : file,
          ),
        ),
      read: () => readTensorFile(path),
    };
  },
};

const legacyForm: Target = {
  name: "pth-legacy",
  share: 15,
  async prepare(dir) {
    const path = join(dir, "x.pth");
    const seeds = ["checkpoint-legacy.pth", "malicious-legacy.pth"].map(fixture);
    // past the two pickles that mark the form, which else keep half of all mutations out
    const mutated: (random: Parameters<typeof mutateBytes>[1]) => Buffer = (random) => {
      const seed = pick(seeds, random);
      if (random.below(4) === 0) return mutateBytes(seed, random);
      return Buffer.concat([seed.subarray(0, 21), mutateBytes(seed.subarray(21), random)]);
    };
    return { path, mutated, read: () => readTensorFile(path) };
  },
};

/** A header and data as .safetensors, with the header's own length. */
function withHeader(header: Uint8Array, data: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, data]);
}

function partsOf(file: Buffer): { header: string; data: Buffer } {
  const length = Number(file.readBigUInt64LE(0));
  return { header: file.toString("utf8", 8, 8 + length), data: file.subarray(8 + length) };
}

const safetensors: Target = {
  name: "safetensors",
  share: 15,
  async prepare(dir) {
    const path = join(dir, "x.safetensors");
    const tensors = new Map<string, HostTensor>([
      ["a.weight", { dtype: "F32", shape: [2, 3], data: new Float32Array(6) }],
      ["count", { dtype: "I64", shape: [], data: new BigInt64Array(1) }],
      ["mask", { dtype: "BOOL", shape: [4], data: new Uint8Array(4) }],
    ]);
    writeSafetensors(path, tensors, { note: "seed" });
    const seed = readFileSync(path);
    const { header, data } = partsOf(seed);
    return {
      path,
      mutated: (random) =>
        random.below(3) === 0
          ? mutateBytes(seed, random)
          : withHeader(mutateJson(header, random), random.below(4) === 0 ? mutateBytes(data, random) : data),
      read: () => readSafetensors(path),
    };
  },
};

/** A whole import into a file, of the smallest network. */
const imports: Target = {
  name: "import",
  share: 2,
  async prepare(dir) {
    const path = join(dir, "x.safetensors");
    scope(() => {
      const options = {
        classes: 2,
        filters: 1,
        rank: 1,
        normalization: "batch",
        dropout: 0,
        device: "cpu",
      } as const;
      writeState(path, new SegmentationNetwork(options).stateDict());
    });
    const seed = readFileSync(path);
    const { header, data } = partsOf(seed);
    let written = 0;
    return {
      path,
      mutated: (random) =>
        random.below(3) === 0
          ? mutateHead(seed, 2000, random)
          : withHeader(mutateJson(header, random), random.below(2) === 0 ? mutateBytes(data, random) : data),
      read: () => importWeights({ file: path, out: join(dir, `${written++}.safetensors`) }),
    };
  },
};

export const WEIGHT_TARGETS: readonly Target[] = [zipForm, pickles, legacyForm, safetensors, imports];
