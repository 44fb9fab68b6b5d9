import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspect } from "./inspect.js";
import { readLabelMap, readVolume } from "./read.js";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "penumbra-read-"));
});
afterAll(() => rm(dir, { recursive: true }));

async function put(name: string, ...parts: Uint8Array[]): Promise<string> {
  const path = join(dir, name);
  const bytes = Buffer.concat(parts);
  await writeFile(path, name.endsWith(".gz") ? gzipSync(bytes) : bytes);
  return path;
}

interface Fields {
  dims?: number[];
  type?: number;
  little?: boolean;
  slope?: number;
  intercept?: number;
  offset?: number;
  magic?: string;
  qformCode?: number;
  sformCode?: number;
  units?: number;
}

/** A NIfTI-1 header of 352 bytes, 4 x 4 x 4 uint8 unless told, spacing 1.5, 2, 2.5 with an sform that moves by 7, 8, 9. */
function header(fields: Fields = {}): Buffer {
  const f = { dims: [3, 4, 4, 4], type: 2, little: true, slope: 0, intercept: 0, offset: 352, ...fields };
  const bytes = Buffer.alloc(352);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const short = (at: number, value: number) => view.setInt16(at, value, f.little);
  const float = (at: number, ...values: number[]) =>
    values.forEach((value, i) => {
      view.setFloat32(at + 4 * i, value, f.little);
    });
  view.setInt32(0, 348, f.little);
  f.dims.forEach((n, i) => {
    short(40 + 2 * i, n);
  });
  short(70, f.type);
  float(76, 1, 1.5, 2, 2.5);
  float(108, f.offset, f.slope, f.intercept);
  bytes[123] = f.units ?? 2;
  short(252, f.qformCode ?? 0);
  short(254, f.sformCode ?? 1);
  float(280, 1.5, 0, 0, 7, 0, 2, 0, 8, 0, 0, 2.5, 9);
  bytes.write(f.magic ?? "n+1", 344, "latin1");
  return bytes;
}

const count = (n: number, step = 1) => Array.from({ length: n }, (_, i) => i * step);
const bytes = (values: ArrayBufferView) => new Uint8Array(values.buffer);

describe("readVolume", () => {
  it("reads big-endian int16 with slope and intercept, x fastest", async () => {
    const voxels = Buffer.alloc(4 * 5 * 6 * 2);
    for (let i = 0; i < 120; i++) voxels.writeInt16BE(i - 60, 2 * i);
    const head = header({ dims: [3, 6, 5, 4], type: 4, little: false, slope: 0.5, intercept: 10 });
    const { grid, data } = await readVolume(await put("big.nii.gz", head, voxels));
    expect(grid.shape).toEqual([4, 5, 6]);
    expect(grid.spacingMm).toEqual([2.5, 2, 1.5]);
    expect(grid.affine).toEqual([1.5, 0, 0, 7, 0, 2, 0, 8, 0, 0, 2.5, 9, 0, 0, 0, 1]);
    expect([...data]).toEqual(count(120).map((i) => (i - 60) * 0.5 + 10));
  });

  it("takes an offset of 0 for the first byte that voxels can lie at", async () => {
    const path = await put("zero.nii", header({ offset: 0 }), Uint8Array.from(count(64)));
    expect([...(await readVolume(path)).data]).toEqual(count(64));
  });

  it("takes a slope of 0 for none, whatever the intercept", async () => {
    const { data } = await readVolume(
      await put("unscaled.nii", header({ intercept: 5 }), Uint8Array.from(count(64))),
    );
    expect([...data]).toEqual(count(64));
  });

  it.each([
    ["int64", 1024, BigInt64Array.from(count(64, -3).map(BigInt))],
    ["float64", 64, Float64Array.from(count(64, -3))],
    ["int32", 8, Int32Array.from(count(64, -3))],
  ])("reads %s", async (name, type, values) => {
    const { data } = await readVolume(await put(`${name}.nii`, header({ type }), bytes(values)));
    expect([...data].map((v) => v + 0)).toEqual(count(64, -3).map((v) => v + 0)); // -0 is 0
  });

  it("reads a gzipped file under a plain name and a 4th axis of 1", async () => {
    const packed = gzipSync(Buffer.concat([header({ dims: [4, 4, 4, 4, 1] }), Uint8Array.from(count(64))]));
    expect((await readVolume(await put("packed.nii", packed))).grid.shape).toEqual([4, 4, 4]);
  });

  it("reads a header and image pair by either name, and says what is missing", async () => {
    const hdr = await put("pair.hdr", header({ magic: "ni1", offset: 0 }).subarray(0, 348));
    await expect(readVolume(hdr)).rejects.toThrow(/pair\.img is missing/);
    const img = await put("pair.img.gz", Uint8Array.from(count(64)));
    expect([...(await readVolume(hdr)).data]).toEqual(count(64));
    expect([...(await readVolume(img)).data]).toEqual(count(64));
  });

  it("converts meters to mm and keeps the codes", async () => {
    const { grid } = await readVolume(await put("meters.nii", header({ units: 1 }), new Uint8Array(64)));
    expect(grid.nifti!.sformCode).toBe(1);
    expect(grid.spacingMm).toEqual([2500, 2000, 1500]);
    expect(grid.affine!.slice(0, 4)).toEqual([1500, 0, 0, 7000]);
    expect((await inspect(join(dir, "meters.nii"))).odd).toContain(
      "its header counts in meters: turned into mm",
    );
  });

  it.each<[string, Fields, RegExp]>([
    [
      "more than one volume",
      { dims: [4, 4, 4, 4, 2] },
      /4-D image of 4 x 4 x 4 x 2; expected one 3-D volume/,
    ],
    ["a small picture", { dims: [2, 4, 4] }, /only 4 x 4 x 1 voxels/],
    ["five axes", { dims: [5, 4, 4, 4, 1, 3] }, /5-D image of 4 x 4 x 4 x 1 x 3/],
    ["an impossible rank", { dims: [9, 4, 4, 4] }, /9 dimensions/],
    ["no rank", { dims: [0, 4, 4, 4] }, /0 dimensions/],
    ["an axis of 0", { dims: [3, 4, 0, 4] }, /4 x 0 x 4 voxels; every size must be positive/],
    ["an offset inside the header", { offset: 100 }, /voxels begin at byte 100/],
    ["an offset that is no number", { offset: Number.NaN }, /voxels begin at byte NaN/],
    ["an unknown type", { type: 77 }, /unknown type \(NIfTI datatype 77\)/],
    ["a damaged intercept", { slope: 2, intercept: Number.NaN }, /intercept is NaN/],
    ["half of nothing", { magic: "ni1" }, /its other half is missing/],
    ["another magic", { magic: "abc" }, /not a NIfTI file/],
    ["fewer voxels than it says", { dims: [3, 40, 40, 40] }, /needs 64352 bytes but the file has 416/],
  ])("refuses %s", async (name, fields, reason) => {
    const path = await put(`${name}.nii`, header(fields), new Uint8Array(64));
    await expect(readVolume(path)).rejects.toThrow(reason);
    await expect(readVolume(path)).rejects.toMatchObject({ code: "bad-input" });
  });

  it("refuses gzip that unpacks to far more than the header says", async () => {
    const path = await put("bomb.nii.gz", header(), new Uint8Array(8 << 20));
    await expect(readVolume(path)).rejects.toThrow(/holds more than the 416 bytes/);
  });

  it("refuses a missing file, a folder and a path through a file", async () => {
    await expect(readVolume(join(dir, "none.nii"))).rejects.toThrow(/none\.nii: no such file/);
    await expect(readVolume(dir)).rejects.toThrow(/a folder without DICOM images/);
    const file = await put("plain.nii", header(), new Uint8Array(64));
    await expect(readVolume(join(file, "x.nii"))).rejects.toMatchObject({ code: "bad-input" });
  });
});

it("answers a damaged header with bad input or an image, never another error", async () => {
  let state = 2024; // Numerical Recipes' generator: the same damage every time
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const path = join(dir, "fuzzed.nii");
  for (let round = 0; round < 400; round++) {
    const head = header({ dims: [3, 4, 5, 6], type: [2, 4, 16][round % 3]!, little: round % 2 === 0 });
    for (let change = below(4); change >= 0; change--) head[below(352)] = below(256);
    const file = Buffer.concat([head, new Uint8Array(480)]);
    await writeFile(path, round % 4 === 0 ? gzipSync(file).subarray(0, 20 + below(400)) : file);
    const error = await readVolume(path).then(
      () => null,
      (reason: Error) => reason,
    );
    if (error) expect(error).toMatchObject({ name: "PenumbraError", code: "bad-input" });
  }
});

describe("readLabelMap", () => {
  const labels = async (values: number[]) => {
    const data = Float32Array.from({ length: 64 }, (_, i) => values[i] ?? 0);
    return readLabelMap(await put("label.nii.gz", header({ type: 16 }), bytes(data)));
  };

  it("reads classes that are stored as floats", async () => {
    const { data } = await labels([0, 1, 2, 255]);
    expect(data).toBeInstanceOf(Uint8Array);
    expect([...data.subarray(0, 5)]).toEqual([0, 1, 2, 255, 0]);
  });

  it.each([0.5, -1, 256, Number.NaN, Number.POSITIVE_INFINITY])(
    "refuses %d, naming the file",
    async (value) => {
      await expect(labels([0, 0, value])).rejects.toThrow(`label.nii.gz: holds ${value} at voxel 2`);
    },
  );

  it("takes a picture of some size as one slice", async () => {
    const path = await put("picture.nii", header({ dims: [2, 16, 20] }), Uint8Array.from(count(320)));
    const { grid, data } = await readVolume(path);
    expect(grid.shape).toEqual([1, 20, 16]);
    expect(data[319]).toBe(319 % 256);
  });

  it("takes a label of its image's stored numbers to lie on it, whatever units the two headers name", async () => {
    const image = await readVolume(await put("micro.nii", header({ units: 3 }), new Uint8Array(64)));
    const label = await put("plain.nii", header({ units: 0 }), new Uint8Array(64));
    expect((await readLabelMap(label, image.grid)).grid).toEqual(image.grid);
    const meters = await readVolume(await put("meters.nii", header({ units: 1 }), new Uint8Array(64)));
    const moved = header({ units: 0 });
    moved.writeFloatLE(7 + 2, 292); // srow_x[3]: over a voxel
    const elsewhere = await put("moved.nii", moved, new Uint8Array(64));
    expect((await readLabelMap(elsewhere, meters.grid)).grid.affine!.slice(0, 4)).toEqual([1.5, 0, 0, 9]);
  });

  it("lets a thin label map be: only images have a least size", async () => {
    const path = await put("thin.nii", header({ dims: [3, 8, 8, 1] }), new Uint8Array(64));
    expect((await readLabelMap(path)).grid.shape).toEqual([1, 8, 8]);
    await expect(readVolume(path)).rejects.toThrow(/8 x 8 x 1 voxels; expected at least 4/);
  });
});
