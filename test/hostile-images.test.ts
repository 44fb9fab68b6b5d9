import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { type DicomDataset, encodeFile } from "../src/volume/dicom-encode.js";
import { inspect } from "../src/volume/inspect.js";
import { readLabelMap, readVolume } from "../src/volume/read.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-hostile-images-"));
afterAll(() => rmSync(dir, { recursive: true }));

const MOST_BYTES = 128 * 2 ** 20;
const MOST_SECONDS = 2;
const BOMB = Buffer.alloc(300 * 2 ** 20);
const MEBI = 2 ** 20;

const nrrd = (fields: string) => `NRRD0004\ntype: uchar\ndimension: 3\nendian: little\n${fields}\n\n`;
const SIZES = "sizes: 20 20 20\nspacings: 1 1 1";
const meta = (fields: string) =>
  `NDims = 3\nDimSize = 20 20 20\nElementType = MET_UCHAR\n${fields}\nElementDataFile = LOCAL\n`;

function chunk(type: string, bytes: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), bytes]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(bytes.length);
  frame.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)]);
}
function png(width: number, height: number, pixels: Uint8Array, ...others: Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const end = chunk("IEND", Buffer.alloc(0));
  return Buffer.concat([signature, chunk("IHDR", header), ...others, chunk("IDAT", pixels), end]);
}

/** A little-endian TIFF whose pixels lie at byte 8; a value of several numbers is their count and place. */
function tiff(pixels: Uint8Array, changes: Record<number, number | readonly [number, number]>): Buffer {
  const usual = { 256: 20, 257: 20, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 20, 279: pixels.length };
  const entries = Object.entries({ ...usual, ...changes });
  const directory = Buffer.alloc(6 + 12 * entries.length);
  directory.writeUInt16LE(entries.length);
  for (const [i, [tag, value]] of entries.entries()) {
    const [count, content] = typeof value === "number" ? [1, value] : value;
    directory.writeUInt16LE(Number(tag), 2 + 12 * i);
    directory.writeUInt16LE(4, 4 + 12 * i);
    directory.writeUInt32LE(count!, 6 + 12 * i);
    directory.writeUInt32LE(content!, 10 + 12 * i);
  }
  const head = Buffer.from("II*\0\0\0\0\0", "latin1");
  head.writeUInt32LE(8 + pixels.length, 4);
  return Buffer.concat([head, pixels, directory]);
}
const repeating = (file: Buffer): Buffer => {
  file.writeUInt32LE(file.readUInt32LE(4), file.length - 4); // the next page is this one
  return file;
};
/** LZW whose strings grow by a byte with each code. */
function lzwBomb(): Buffer {
  const bits: string[] = [];
  const put = (code: number, width: number) => bits.push(code.toString(2).padStart(width, "0"));
  for (let round = 0; round < 40; round++) {
    let [width, next] = [9, 258];
    put(256, round === 0 ? 9 : 12);
    put(0, 9);
    for (; next < 4095; next++) {
      put(next, width);
      if (next + 1 === (1 << width) - 1 && width < 12) width++;
    }
  }
  return Buffer.from(
    bits
      .join("")
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  );
}

const slice: DicomDataset = {
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
  SOPInstanceUID: "1.2.3",
  Modality: "CT",
  Rows: 20,
  Columns: 16,
  PhotometricInterpretation: "MONOCHROME2",
  BitsAllocated: 16,
  PixelData: new Uint8Array(640),
};
const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`fixtures/dicom/${name}.dcm`, import.meta.url)));
/** An unsigned 16-bit attribute of a file with explicit value representations. */
function setShort(file: Buffer, tag: string, value: number): Buffer {
  const at = file.indexOf(Buffer.from(`${tag}55530200`, "hex"));
  expect(at).toBeGreaterThan(0);
  file.writeUInt16LE(value, at + 8);
  return file;
}
const [ROWS, COLUMNS] = ["28001000", "28001100"];
/** A compressed file whose attributes say this size. */
const sized = (name: string, edge: number) => setShort(setShort(fixture(name), ROWS, edge), COLUMNS, edge);
/** A compressed file whose frame itself says 65,000 rows and columns: two numbers behind a mark. */
function lying(name: string, mark: string, behind: number, wide: boolean): Buffer {
  const file = fixture(name);
  const at = file.lastIndexOf(Buffer.from(mark, "hex"));
  expect(at).toBeGreaterThan(0);
  for (const i of [0, 1])
    wide ? file.writeUInt32BE(65000, at + behind + 4 * i) : file.writeUInt16BE(65000, at + behind + 2 * i);
  return file;
}

/** A compressed file whose frame lacks its end marker. */
function endless(name: string): Buffer {
  const file = fixture(name);
  return file.fill(0, file.lastIndexOf(Buffer.from("ffd9", "hex")), file.length - 8);
}

/** File name, content, and what its refusal says. */
const HOSTILE: readonly [string, () => Buffer, RegExp][] = [
  [
    "bomb.nrrd",
    () => Buffer.concat([Buffer.from(nrrd(`encoding: gzip\n${SIZES}`)), gzipSync(BOMB)]),
    /holds more than the 8000/,
  ],
  [
    "skip.nrrd",
    () =>
      Buffer.concat([
        Buffer.from(nrrd(`encoding: gzip\nbyte skip: 300000000\n${SIZES}`)),
        gzipSync(BOMB.subarray(0, 8000)),
      ]),
    /needs 300008000 bytes/,
  ],
  [
    "bzip2.nrrd",
    () => Buffer.from(nrrd(`encoding: bzip2\n${SIZES}`)),
    /encoded as bzip2; expected raw, gzip or ascii/,
  ],
  [
    "overflow.nrrd",
    () => Buffer.from(nrrd("encoding: raw\nsizes: 4294967296 4294967296 4294967296")),
    /at most 1073741824/,
  ],
  ["wraps.nrrd", () => Buffer.from(nrrd("encoding: raw\nsizes: 65536 65536 1.5")), /positive size/],
  ["claims.nrrd", () => Buffer.from(nrrd("encoding: gzip\nsizes: 1000 1000 1000")), /needs 1000000000 bytes/],
  [
    "open.nrrd",
    () => Buffer.from(nrrd(`encoding: raw\nsizes: 4 4 4\nspace directions: ${"( ".repeat(MEBI / 4)}`)),
    /no vector of three numbers/,
  ],
  [
    "nan.nrrd",
    () => Buffer.from(nrrd("encoding: ascii\nsizes: 4 4 4").replace("uchar", "int64") + "nan ".repeat(64)),
    /"nan" stands where voxel 0 should be a whole number/,
  ],
  [
    "bomb.mha",
    () => Buffer.concat([Buffer.from(meta("CompressedData = True")), deflateSync(BOMB)]),
    /holds more than the 8000/,
  ],
  [
    "claims.mha",
    () => Buffer.from(meta("CompressedData = True").replace("20 20 20", "1000 1000 1000")),
    /needs 1000000000 bytes/,
  ],
  [
    "overflow.mha",
    () => Buffer.from(meta("").replace("20 20 20", "9007199254740991 2 2")),
    /at most 1073741824/,
  ],
  ["lines.mha", () => Buffer.from(`NDims = 3\n${"\n".repeat(MEBI)}`), /its header has no end/],
  [
    "blanks.mha",
    () => Buffer.from(meta(`Comment = a${" ".repeat(MEBI / 2)}b`)),
    /needs 8000 bytes of voxels but 0/,
  ],
  ["bomb.png", () => png(20, 20, deflateSync(BOMB)), /PNG file that is damaged/],
  ["claims.png", () => png(30000, 30000, deflateSync(BOMB.subarray(0, 9))), /can't hold|9 values|damaged/],
  ["overflow.png", () => png(0xffffffff, 0xffffffff, deflateSync(BOMB.subarray(0, 9))), /at most 1073741824/],
  ["bomb.tif", () => tiff(deflateSync(BOMB), { 259: 8 }), /TIFF file that is damaged/],
  ["lzw.tif", () => tiff(lzwBomb(), { 259: 5 }), /LZW data holds more than 400/],
  ["again.tif", () => repeating(tiff(Buffer.alloc(400), {})), /several pages/],
  [
    "tiles.tif",
    () => tiff(Buffer.alloc(400), { 322: 0xffffffff, 323: 0xffffffff, 324: 8, 325: 400 }),
    /1 blocks of 4294967295/,
  ],
  [
    "strips.tif",
    () => tiff(Buffer.alloc(400), { 278: 1, 273: [0xffffffff, 8] }),
    /values of tag 273 lie outside/,
  ],
  ["claims.tif", () => tiff(Buffer.alloc(400), { 256: 32000, 257: 32000 }), /can't hold/],
  ["frames.dcm", () => encodeFile({ ...slice, NumberOfFrames: 2000000000 }), /need 1280000000000 bytes/],
  [
    "rows.dcm",
    () => encodeFile({ ...slice, Rows: 65535, Columns: 65535 }),
    /bytes of pixels but it holds 640/,
  ],
  ...["run-length", "jpeg-lossless", "jpeg-ls", "jpeg-2000"].map((name): [string, () => Buffer, RegExp] => [
    `${name}-claims.dcm`,
    () => sized(name, 30000),
    /can't be in|expected 30000|can't hold/,
  ]),
  [
    "jpeg-lossless-lies.dcm",
    () => lying("jpeg-lossless", "ffc3", 5, false),
    /65000 x 65000 pixels, expected 16 x 20/,
  ],
  ["jpeg-ls-lies.dcm", () => lying("jpeg-ls", "fff7", 5, false), /65000 x 65000 pixels, expected 16 x 20/],
  ["jpeg-ls-endless.dcm", () => endless("jpeg-ls"), /its end is missing/],
  ["jpeg-lossless-endless.dcm", () => endless("jpeg-lossless"), /its end is missing/],
  ["jpeg-2000-lies.dcm", () => lying("jpeg-2000", "ff51", 6, true), /65000 x 65000 pixels, expected 16 x 20/],
];

describe("a file made to take memory or time is refused in one line before it gets them:", () => {
  it.each(HOSTILE)("%s", async (name, make, reason) => {
    const path = join(dir, name);
    writeFileSync(path, make());
    const [before, start] = [process.memoryUsage.rss(), process.cpuUsage()];
    for (const read of [readVolume, readLabelMap, inspect]) {
      const refusal = await read(path).then(
        () => null,
        (cause: Error) => cause,
      );
      expect(refusal).toMatchObject({ name: "PenumbraError", code: "bad-input" });
      expect(refusal!.message).toMatch(reason);
    }
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(MOST_SECONDS);
    expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_BYTES);
  });

  it("packed chunks of a PNG that say nothing of its pixels are not unpacked", async () => {
    const profile = chunk("iCCP", Buffer.concat([Buffer.from("name\0\0", "latin1"), deflateSync(BOMB)]));
    const path = join(dir, "profile.png");
    writeFileSync(path, png(20, 20, deflateSync(Buffer.alloc(420)), profile));
    const before = process.memoryUsage.rss();
    expect((await readVolume(path)).data).toEqual(new Float32Array(400));
    expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_BYTES);
  });
});
