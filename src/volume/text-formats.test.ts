import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { openImage } from "./format.js";
import { axisCodes } from "./orientation.js";
import { readLabelMap, readVolume } from "./read.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-text-formats-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** 4 x 5 x 6 voxels (x, y, z) of -60 to 59. */
const VALUES = Array.from({ length: 120 }, (_, i) => i - 60);
const little = Buffer.from(Int16Array.from(VALUES).buffer);
const big = Buffer.from(little).swap16();
const text = Buffer.from(VALUES.join("\n"));

function put(name: string, header: string, body: Uint8Array = Buffer.alloc(0)): string {
  writeFileSync(join(dir, name), Buffer.concat([Buffer.from(header, "latin1"), body]));
  return join(dir, name);
}

const NRRD_FIELDS: Record<string, string> = {
  type: "short",
  dimension: "3",
  space: "left-posterior-superior",
  sizes: "4 5 6",
  "space directions": "(0,1.5,0) (-2,0,0) (0,0,2.5)",
  kinds: "domain domain domain",
  endian: "little",
  encoding: "raw",
  "space origin": "(10,-20,30)",
};
/** A NRRD header with fields changed, or left out where undefined. */
function nrrd(changes: Record<string, string | undefined> = {}): string {
  const lines = Object.entries({ ...NRRD_FIELDS, ...changes }).filter(([, value]) => value !== undefined);
  return `NRRD0004\n# a comment\n${lines.map(([name, value]) => `${name}: ${value}\n`).join("")}k:=v: w\n\n`;
}
/** LPS (0,1.5,0), (-2,0,0), (0,0,2.5) at (10,-20,30), in RAS. */
const AFFINE = [0, 2, 0, -10, -1.5, 0, 0, 20, 0, 0, 2.5, 30, 0, 0, 0, 1];

const META_FIELDS: Record<string, string> = {
  ObjectType: "Image",
  NDims: "3",
  BinaryData: "True",
  BinaryDataByteOrderMSB: "False",
  CompressedData: "False",
  TransformMatrix: "0 1 0 -1 0 0 0 0 1",
  Offset: "10 -20 30",
  ElementSpacing: "1.5 2 2.5",
  DimSize: "4 5 6",
  ElementType: "MET_SHORT",
  ElementDataFile: "LOCAL",
};
function meta(changes: Record<string, string | undefined> = {}): string {
  const { ElementDataFile, ...others } = { ...META_FIELDS, ...changes };
  const lines = Object.entries({ ...others, ElementDataFile }).filter(([, value]) => value !== undefined);
  return lines.map(([name, value]) => `${name} = ${value}\n`).join("");
}

async function expectScan(path: string): Promise<void> {
  const { grid, data } = await readVolume(path);
  expect(grid).toMatchObject({ shape: [6, 5, 4], spacingMm: [2.5, 2, 1.5], affine: AFFINE });
  expect(axisCodes(grid.affine!)).toBe("PRS");
  expect([...data]).toEqual(VALUES);
}

describe("NRRD", () => {
  it("reads raw, gzip and ascii voxels of either endianness", async () => {
    await expectScan(put("raw.nrrd", nrrd(), little));
    await expectScan(put("big.nrrd", nrrd({ endian: "big", encoding: "gzip" }), gzipSync(big)));
    await expectScan(put("text.nrrd", nrrd({ encoding: "ascii", endian: undefined }), text));
    await expectScan(put("crlf.nrrd", nrrd().replaceAll("\n", "\r\n"), little));
  });

  it("reads voxels from a file of their own, and from a file's end", async () => {
    put("voxels.raw", "", little);
    await expectScan(put("beside.nhdr", nrrd({ "data file": "voxels.raw" })));
    for (const name of ["CT 2019 01.raw", "50% dose 1.raw", "LISTED.raw"]) {
      put(name, "", little);
      await expectScan(put("named.nhdr", nrrd({ "data file": name })));
    }
    put("padded.raw", "some header", little);
    await expectScan(put("skip.nhdr", nrrd({ "data file": "padded.raw", "byte skip": "11" })));
    await expectScan(put("end.nhdr", nrrd({ "data file": "padded.raw", "byte skip": "-1" })));
  });

  it("reads the same place from every space", async () => {
    const directions = { ras: "(0,-1.5,0) (2,0,0) (0,0,2.5)", las: "(0,-1.5,0) (-2,0,0) (0,0,2.5)" };
    const ras = { space: "RAS", "space directions": directions.ras, "space origin": "(-10,20,30)" };
    await expectScan(put("ras.nrrd", nrrd(ras), little));
    const las = { space: "left-anterior-superior", "space directions": directions.las };
    await expectScan(put("las.nrrd", nrrd({ ...las, "space origin": "(10,20,30)" }), little));
  });

  it("reads spacings alone as a grid without a place", async () => {
    const bare = { space: undefined, "space directions": undefined, "space origin": undefined };
    const path = put("bare.nrrd", nrrd({ ...bare, spacings: "1.5 2 2.5" }), little);
    expect((await readVolume(path)).grid).toEqual({
      shape: [6, 5, 4],
      spacingMm: [2.5, 2, 1.5],
      affine: null,
    });
    expect((await openImage(path)).odd.join()).toContain("no orientation and no position");
  });

  it("reads a fourth axis of one, and refuses colors and series", async () => {
    const four = (sizes: string, directions: string, kinds: string) =>
      nrrd({ dimension: "4", sizes, "space directions": directions, kinds });
    const [front, back] = ["none (0,1.5,0) (-2,0,0) (0,0,2.5)", "(0,1.5,0) (-2,0,0) (0,0,2.5) none"];
    await expectScan(put("list.nrrd", four("1 4 5 6", front, "list domain domain domain"), little));
    const color = put("rgb.nrrd", four("3 4 5 2", front, "RGB-color domain domain domain"), little);
    await expect(readVolume(color)).rejects.toThrow(/rgb\.nrrd: each voxel is 3 numbers \(rgb-color\)/);
    const series = put("series.nrrd", four("4 5 3 2", back, "domain domain domain list"), little);
    await expect(readVolume(series)).rejects.toThrow(/4-D image of 4 x 5 x 3 x 2/);
    expect((await openImage(series)).extents).toEqual([4, 5, 3, 2]);
    const between = "(0,1.5,0) (-2,0,0) none (0,0,2.5)"; // its voxels lie x, y, channel, z
    const kinds = "domain domain list domain";
    const mixed = put("mixed.nrrd", four("4 5 2 3", between, kinds), little);
    await expect(openImage(mixed)).rejects.toThrow(
      /axis 3 of 4 x 5 x 2 x 3 is none of space but lies between/,
    );
  });

  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ["an unknown type", { type: "block" }, /type "block"/],
    ["an unknown encoding", { encoding: "bzip2" }, /encoded as bzip2; expected raw, gzip or ascii/],
    ["no endianness", { endian: undefined }, /endian nothing/],
    ["a negative size", { sizes: "4 -5 6" }, /positive size/],
    ["another number of sizes", { sizes: "4 5" }, /dimension 3 and sizes 4 5/],
    ["sizes that no memory holds", { sizes: "30000 30000 30000" }, /at most 1073741824 are read/],
    ["more voxels than there are", { sizes: "4 5 60" }, /needs 2400 bytes of voxels but 240 are there/],
    ["axes that span nothing", { "space directions": "(0,0,0) (1,0,0) (0,0,1)" }, /map voxels nowhere/],
    [
      "axes that are no numbers",
      { "space directions": "(a,0,0) (1,0,0) (0,0,1)" },
      /no vector of three numbers/,
    ],
    ["voxels in many files", { "data file": "slice%03d.raw 1 6 1" }, /lie in several files/],
    ["voxels in listed files", { "data file": "LIST\na.raw\nb.raw" }, /lie in several files \(LIST\)/],
    ["axes of a plane", { "space directions": "(1,0) (0,1)" }, /is not of three dimensions/],
    ["voxels elsewhere", { "data file": "../../etc/passwd" }, /leads out of its folder/],
    ["voxels that are missing", { "data file": "none.raw" }, /should be in .*none\.raw, which is missing/],
    ["voxels in a file with a damaged name", { "data file": "a\x01b" }, /"a\\u0001b", which is no file name/],
    ["no type", { type: undefined }, /has no type/],
  ])("refuses %s", async (name, changes, reason) => {
    const path = put(`${name}.nrrd`, nrrd(changes), little);
    await expect(readVolume(path)).rejects.toThrow(reason);
    await expect(readVolume(path)).rejects.toMatchObject({ code: "bad-input" });
  });

  it("refuses gzip data that is cut short or holds far more", async () => {
    const cut = put("cut.nrrd", nrrd({ encoding: "gzip" }), gzipSync(little).subarray(0, 60));
    await expect(readVolume(cut)).rejects.toThrow(/cut\.nrrd: its gzip data is damaged or cut short/);
    const bomb = put("bomb.nrrd", nrrd({ encoding: "gzip" }), gzipSync(Buffer.alloc(8 << 20)));
    await expect(readVolume(bomb)).rejects.toThrow(/holds more than the 240 bytes/);
    await expect(readVolume(put("not.nrrd", "no such thing"))).rejects.toThrow(/not\.nrrd: not a NRRD file/);
  });
});

describe("MetaImage", () => {
  it("reads raw, zlib and text voxels of either endianness, here or in a file of their own", async () => {
    await expectScan(put("raw.mha", meta(), little));
    const packed = deflateSync(big);
    const changes = { BinaryDataByteOrderMSB: "True", CompressedData: "True" };
    const size = { CompressedDataSize: String(packed.length) };
    await expectScan(put("packed.mha", meta({ ...changes, ...size }), packed));
    await expectScan(put("text.mha", meta({ BinaryData: "False" }), text));
    put("voxels.raw", "", little);
    await expectScan(put("beside.mhd", meta({ ElementDataFile: "voxels.raw" })));
    writeFileSync(join(dir, "größe 大.raw"), little);
    const utf8 = Buffer.from(meta({ ElementDataFile: "größe 大.raw" }));
    writeFileSync(join(dir, "größe 大.mhd"), utf8);
    await expectScan(join(dir, "größe 大.mhd"));
    put("padded.raw", "some header", little);
    await expectScan(put("end.mhd", meta({ HeaderSize: "-1", ElementDataFile: "padded.raw" })));
  });

  it("passes over what ITK writes of an image's origin beside the fields", async () => {
    const extra = {
      "NRRD_kinds[0]": "domain",
      "pixdim[1]": "1.5",
      "0008|0060": "CT",
      ITK_InputFilterName: "",
    };
    await expectScan(put("itk.mha", meta(extra), little));
    const damaged = put("damaged.mha", meta({ "a\x01": "b" }), little);
    await expect(readVolume(damaged)).rejects.toThrow(/is no MetaImage header line/);
  });

  it("takes 1 mm at 0 where the header says nothing, and says so", async () => {
    const bare = { TransformMatrix: undefined, Offset: undefined, ElementSpacing: undefined };
    const path = put("bare.mha", meta(bare), little);
    const image = await openImage(path);
    expect(image.grid.affine).toEqual([-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    expect(image.odd.join()).toMatch(/no voxel size.*no position/);
  });

  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ["several channels", { ElementNumberOfChannels: "3" }, /each voxel is 3 numbers/],
    ["an unknown type", { ElementType: "MET_OTHER" }, /voxels are MET_OTHER/],
    ["a size of none", { DimSize: "4 0 6" }, /positive size/],
    ["five axes", { NDims: "5", DimSize: "4 5 6 1 1" }, /5-D image of 4 x 5 x 6 x 1 x 1/],
    ["spacing of two numbers", { ElementSpacing: "1 1" }, /ElementSpacing 1 1; expected 3 numbers/],
    ["a spacing of 0", { ElementSpacing: "0 1 1" }, /map voxels nowhere/],
    ["many files", { ElementDataFile: "LIST" }, /lie in several files/],
    ["more voxels than there are", { DimSize: "4 5 60" }, /needs 2400 bytes of voxels but 240/],
    ["no data file", { ElementDataFile: undefined }, /its header has no end/],
  ])("refuses %s", async (name, changes, reason) => {
    const path = put(`${name}.mha`, meta(changes), little);
    await expect(readVolume(path)).rejects.toThrow(reason);
    await expect(readVolume(path)).rejects.toMatchObject({ code: "bad-input" });
  });

  it("reads label maps, and refuses what is none", async () => {
    const labels = Buffer.from(Uint8Array.from({ length: 120 }, (_, i) => i % 3));
    const path = put("labels.mha", meta({ ElementType: "MET_UCHAR" }), labels);
    expect(Buffer.from((await readLabelMap(path)).data).equals(labels)).toBe(true);
    await expect(readLabelMap(join(dir, "raw.mha"))).rejects.toThrow(/raw\.mha: holds -60 at voxel 0/);
  });
});
