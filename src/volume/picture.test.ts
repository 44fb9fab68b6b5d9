import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import { afterAll, describe, expect, it } from "vitest";
import { openImage } from "./format.js";
import { readLabelMap, readVolume } from "./read.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-picture-"));
afterAll(() => rmSync(dir, { recursive: true }));
const [WIDTH, HEIGHT] = [20, 17];

function put(name: string, bytes: Uint8Array): string {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}
const png = (data: Uint8Array | Uint16Array, channels = 1) =>
  encode({ width: WIDTH, height: HEIGHT, data, channels, depth: data instanceof Uint16Array ? 16 : 8 });

/** A little-endian TIFF of one strip, uncompressed. */
function tiff(pixels: Uint8Array, changes: Record<number, number> = {}): Uint8Array {
  const tags: Record<number, number> = {
    256: WIDTH,
    257: HEIGHT,
    258: (8 * pixels.length) / (WIDTH * HEIGHT),
    259: 1, // no compression
    262: 1, // 0 is black
    273: 8, // pixels begin
    277: 1, // samples per pixel
    278: HEIGHT,
    279: pixels.length,
    339: 1, // unsigned
    ...changes,
  };
  const entries = Object.entries(tags);
  const directory = Buffer.alloc(2 + 12 * entries.length + 4);
  directory.writeUInt16LE(entries.length, 0);
  entries.forEach(([tag, value], i) => {
    directory.writeUInt16LE(Number(tag), 2 + 12 * i);
    directory.writeUInt16LE(4, 4 + 12 * i); // LONG
    directory.writeUInt32LE(1, 6 + 12 * i);
    directory.writeUInt32LE(value, 10 + 12 * i);
  });
  const head = Buffer.from("II*\0\0\0\0\0", "latin1");
  head.writeUInt32LE(8 + pixels.length, 4);
  return Buffer.concat([head, pixels, directory]);
}

const values = (length: number, step: number) => Array.from({ length }, (_, i) => i * step);
const COUNT = WIDTH * HEIGHT;

describe("a 2-D image", () => {
  it("is one slice, PNG of 8 and 16 bits", async () => {
    const wide = Uint16Array.from(values(COUNT, 190));
    const { grid, data } = await readVolume(put("wide.png", png(wide)));
    expect(grid).toEqual({ shape: [1, HEIGHT, WIDTH], spacingMm: null, affine: null });
    expect([...data]).toEqual([...wide]);
    const labels = Uint8Array.from(values(COUNT, 1), (value) => value % 3);
    expect((await readLabelMap(put("labels.png", png(labels)))).data).toEqual(labels);
    expect((await openImage(join(dir, "wide.png"))).type).toBe("u16");
  });

  it("is one slice, TIFF of integers and floats", async () => {
    const wide = Uint16Array.from(values(COUNT, 190));
    const path = put("wide.tif", tiff(new Uint8Array(wide.buffer)));
    expect([...(await readVolume(path)).data]).toEqual([...wide]);
    const signed = Int16Array.from(values(COUNT, 190), (value) => value - 30000);
    const negative = await readVolume(put("signed.tif", tiff(new Uint8Array(signed.buffer), { 339: 2 })));
    expect([...negative.data]).toEqual([...signed]);
    const floats = Float32Array.from(values(COUNT, 0.25));
    expect(
      (await readVolume(put("floats.tif", tiff(new Uint8Array(floats.buffer), { 339: 3 })))).data,
    ).toEqual(floats);
  });

  it.each<[string, () => Uint8Array, RegExp]>([
    ["rgb.png", () => png(new Uint8Array(COUNT * 3), 3), /rgb\.png: its pixels are colors/],
    [
      "alpha.png",
      () => png(new Uint8Array(COUNT * 2), 2),
      /alpha\.png: its pixels are colors or have transparency/,
    ],
    [
      "cut.png",
      () => png(Uint8Array.from(values(COUNT, 7))).slice(0, 60),
      /cut\.png: .*(damaged|values for)/,
    ],
    [
      "head.png",
      () => png(new Uint8Array(COUNT)).slice(0, 20),
      /head\.png: a PNG file that is damaged or cut short/,
    ],
    ["rgb.tif", () => tiff(new Uint8Array(COUNT), { 277: 3, 262: 2 }), /rgb\.tif: its pixels are colors/],
    [
      "differences.tif",
      () => tiff(new Uint8Array(COUNT * 4), { 317: 3, 339: 3 }),
      /differences\.tif: its pixels are stored as differences of kind 3/,
    ],
    ["cut.tif", () => tiff(new Uint8Array(COUNT)).slice(0, 100), /cut\.tif: a TIFF file that is damaged/],
    [
      "huge.tif",
      () => tiff(new Uint8Array(COUNT), { 256: 60000, 257: 60000 }),
      /huge\.tif: header says 60000 x 60000/,
    ],
  ])("is refused as %s", async (name, make, reason) => {
    const path = put(name, make());
    await expect(readVolume(path)).rejects.toThrow(reason);
    await expect(readVolume(path)).rejects.toMatchObject({ code: "bad-input" });
  });
});
