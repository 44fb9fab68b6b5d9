import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import type { Random } from "#dist/data/random.js";
import { mutateBytes } from "./mutate.js";
import { readEveryWay } from "./read-every-way.js";
import { pick, type Target } from "./target.js";

const [WIDTH, HEIGHT] = [20, 17];
const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

function chunk(type: string, bytes: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), bytes]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(bytes.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

function pngHeader(depth: number, interlace: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header.set([depth, 0, 0, 0, interlace], 8);
  return header;
}

const OTHER_CHUNKS = ["tRNS", "PLTE", "iCCP", "tEXt", "zTXt", "pHYs", "acTL", "fcTL", "fdAT"];

/** Rows with their filters, packed; every checksum is right, so that what is in the chunks is reached. */
function signedPng(random: Random): Buffer {
  const depth = pick([8, 16], random);
  const rows = Buffer.alloc(HEIGHT * (1 + (WIDTH * depth) / 8), random.below(2));
  for (let row = 0; row < HEIGHT; row++) rows[row * (rows.length / HEIGHT)] = random.below(5);
  const packed = deflateSync(random.below(3) === 0 ? mutateBytes(rows, random) : rows);
  const header = pngHeader(depth, random.below(4) === 0 ? 1 : 0);
  const parts: [string, Uint8Array][] = [
    ["IHDR", random.below(2) === 0 ? mutateBytes(header, random) : header],
    ["IDAT", random.below(3) === 0 ? mutateBytes(packed, random) : packed],
    ["IEND", Buffer.alloc(0)],
  ];
  const other = pick(OTHER_CHUNKS, random);
  const content = Buffer.concat([Buffer.from("name\0\0"), deflateSync(Buffer.alloc(1000))]);
  if (random.below(3) === 0) parts.splice(1 + random.below(2), 0, [other, mutateBytes(content, random)]);
  return Buffer.concat([SIGNATURE, ...parts.map(([type, bytes]) => chunk(type, bytes))]);
}

const png: Target = {
  name: "png",
  share: 10,
  async prepare(dir) {
    const path = join(dir, "x.png");
    return {
      path,
      mutated: (random) =>
        random.below(3) === 0 ? mutateBytes(signedPng(random), random) : signedPng(random),
      read: () => readEveryWay(path),
    };
  },
};

/** Bytes as TIFF's LZW with a clear code before each: the form without strings, in codes of nine bits. */
function lzw(bytes: Uint8Array): Buffer {
  const codes = [...[...bytes].flatMap((byte) => [256, byte]), 257];
  const bits = codes.map((code) => code.toString(2).padStart(9, "0")).join("");
  return Buffer.from(bits.match(/.{1,8}/g)!.map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2)));
}

const PACKERS: Readonly<Record<number, (bytes: Buffer) => Buffer>> = {
  1: (bytes) => bytes,
  5: lzw,
  8: deflateSync,
};

/** A gray TIFF of two strips or one tile, in either endianness. */
function tiff(random: Random): Buffer {
  const bytes = pick([1, 2, 4, 8], random);
  const pixels = Buffer.alloc(WIDTH * HEIGHT * bytes);
  for (let i = 0; i < pixels.length; i += bytes) pixels[i] = i % 3;
  const compression = pick([1, 5, 8, 8], random);
  const pack = (strip: Buffer) =>
    PACKERS[compression]!(random.below(4) === 0 ? mutateBytes(strip, random) : strip);
  const isTiled = random.below(4) === 0;
  const tile = Buffer.concat([pixels, Buffer.alloc((32 * 32 - WIDTH * HEIGHT) * bytes)]);
  const split = 9 * WIDTH * bytes;
  const strips = (isTiled ? [tile] : [pixels.subarray(0, split), pixels.subarray(split)]).map(pack);
  const starts = [8, 8 + strips[0]!.length];
  const layout: [number, number[]][] = isTiled
    ? [
        [322, [32]],
        [323, [32]],
        [324, [8]],
        [325, [strips[0]!.length]],
      ]
    : [
        [273, starts],
        [278, [9]],
        [279, strips.map(({ length }) => length)],
      ];
  const tags: [number, number[]][] = [
    ...([
      [256, [WIDTH]],
      [257, [HEIGHT]],
      [258, [8 * bytes]],
      [259, [compression]],
    ] as [number, number[]][]),
    ...([
      [262, [random.below(2)]],
      [277, [1]],
      [339, [bytes > 2 ? 3 : 1 + random.below(2)]],
    ] as [number, number[]][]),
    ...([[317, [bytes > 2 ? 1 : 1 + random.below(2)]], ...layout] as [number, number[]][]),
  ];
  return assemble(Buffer.concat(strips), tags, random);
}

function assemble(pixels: Buffer, tags: readonly [number, number[]][], random: Random): Buffer {
  const listsAt = 8 + pixels.length;
  const lists: number[] = [];
  const directory = Buffer.alloc(6 + 12 * tags.length);
  directory.writeUInt16LE(tags.length);
  for (const [i, [tag, values]] of tags.entries()) {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(4, 4 + 12 * i); // LONG
    directory.writeUInt32LE(values.length, 6 + 12 * i);
    directory.writeUInt32LE(values.length === 1 ? values[0]! : listsAt + 4 * lists.length, 10 + 12 * i);
    if (values.length > 1) lists.push(...values);
  }
  const head = Buffer.from("II*\0\0\0\0\0", "latin1");
  head.writeUInt32LE(listsAt + 4 * lists.length, 4);
  const listBytes = Buffer.from(Uint32Array.from(lists).buffer);
  const mutated = random.below(3) > 0 ? mutateBytes(directory, random) : directory;
  return Buffer.concat([head, pixels, listBytes, mutated]);
}

const tiffTarget: Target = {
  name: "tiff",
  share: 15,
  async prepare(dir) {
    const path = join(dir, "x.tif");
    return {
      path,
      mutated: (random) => (random.below(4) === 0 ? mutateBytes(tiff(random), random) : tiff(random)),
      read: () => readEveryWay(path),
    };
  },
};

export const PICTURE_TARGETS: readonly Target[] = [png, tiffTarget];
