import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import h5 from "h5wasm/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { h5HasLabel, openH5, readH5Case, reverseAxes } from "./read-h5.js";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "penumbra-h5-"));
  await h5.ready;
});
afterAll(() => rm(dir, { recursive: true }));

type Part = { data: Float32Array | Uint8Array | BigInt64Array; shape: number[] };

function put(
  name: string,
  parts: Record<string, Part>,
  layout: { chunks?: number[]; compression?: number } = {},
) {
  const path = join(dir, name);
  const file = new h5.File(path, "w");
  for (const [key, { data, shape }] of Object.entries(parts))
    file.create_dataset({ name: key, data, shape, ...layout });
  file.close();
  return path;
}

const image = { data: Float32Array.from({ length: 24 }, (_, i) => i), shape: [4, 3, 2] }; // (x, y, z)
const label = { data: Uint8Array.from({ length: 24 }, (_, i) => i % 2), shape: [4, 3, 2] };

describe("readH5Case", () => {
  it("reverses (x, y, z) to [D, H, W]", async () => {
    const read = await readH5Case(put("both.h5", { image, label }));
    expect(read.image.grid).toEqual({ shape: [2, 3, 4], spacingMm: null, affine: null });
    // stored index of (x, y, z) is 6x + 2y + z; the first row is y = z = 0, x = 0..3
    expect([...read.image.data.subarray(0, 5)]).toEqual([0, 6, 12, 18, 2]);
    expect(read.image.data[(1 * 3 + 2) * 4 + 3]).toBe(23);
    expect([...read.label!.data.subarray(0, 12)]).toEqual(Array(12).fill(0)); // z = 0
    expect([...read.label!.data.subarray(12)]).toEqual(Array(12).fill(1));
  });

  it("has a null label where there is none", async () => {
    const path = put("image.h5", { image });
    expect((await readH5Case(path)).label).toBeNull();
    expect(await h5HasLabel(path)).toBe(false);
    expect(await h5HasLabel(put("labeled.h5", { image, label }))).toBe(true);
  });

  it("reads labels stored as 64-bit integers", async () => {
    const wide = { data: BigInt64Array.from({ length: 24 }, (_, i) => BigInt(i)), shape: [4, 3, 2] };
    expect((await readH5Case(put("wide.h5", { image, label: wide }))).label!.data[1]).toBe(6);
  });

  it("refuses what is no case, in one line that names the file", async () => {
    const line = vi.spyOn(process.stderr, "write");
    const text = join(dir, "text.h5");
    await writeFile(text, "not HDF5 at all");
    await expect(readH5Case(text)).rejects.toThrow(/text\.h5: not an HDF5 file/);
    await expect(readH5Case(join(dir, "none.h5"))).rejects.toThrow(/none\.h5: no such file/);
    await expect(readH5Case(put("other.h5", { label }))).rejects.toThrow(
      /datasets \[label\]; expected image/,
    );
    await expect(openH5(put("foo.h5", { foo: label }))).rejects.toThrow(/datasets \[foo\]; expected image/);
    const flat = { data: image.data, shape: [24] };
    await expect(readH5Case(put("flat.h5", { image: flat }))).rejects.toThrow(
      /image is \[24\]; expected three axes/,
    );
    const turned = { data: label.data, shape: [2, 3, 4] };
    await expect(readH5Case(put("turned.h5", { image, label: turned }))).rejects.toThrow(
      /label is \[4, 3, 2\] but image is \[2, 3, 4\]/,
    );
    const half = put("half.h5", { image, label });
    await truncate(half, 900);
    await expect(readH5Case(half)).rejects.toMatchObject({ code: "bad-input" });
    await expect(readH5Case(half)).rejects.toThrow(/^[^\n]*half\.h5: HDF5 file that is damaged[^\n]*$/);
    expect(line).not.toHaveBeenCalled();
  });
});

it("reversing axes twice is the identity", () => {
  const stored = Float32Array.from({ length: 24 }, (_, i) => i);
  expect(reverseAxes(reverseAxes(stored, [2, 3, 4]), [4, 3, 2])).toEqual(stored);
});

describe("a file that nobody vouches for", () => {
  it("that was damaged is read once it has been put right, though it has the same name", async () => {
    const layout = { chunks: [3, 2, 2], compression: 4 }; // as the literature's files
    const path = put("repaired.h5", { image, label }, layout);
    const whole = await readFile(path);
    const more = { ...image, data: image.data.map((value) => value + 100) };
    const other = await readFile(put("other-values.h5", { image: more, label }, layout));
    // the entry of a chunk's size, the version of a data type, a dimension: refused at different depths
    for (let at = 0; at < whole.length; at += 5) {
      if (whole[at] === 0) continue;
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x55;
      await writeFile(path, damaged);
      await readH5Case(path).catch(() => {});
    }
    await writeFile(path, other);
    expect((await readH5Case(path)).image.data[1]).toBe(106);
  }, 180_000);

  it("and is damaged, does not wear the library out, however often it is met", async () => {
    const [good, bad] = [put("good.h5", { image, label }), join(dir, "bad.h5")];
    await writeFile(bad, (await readFile(good)).fill(0x55, 40, 200));
    for (let i = 0; i < 4200; i++) {
      const refusal = await readH5Case(bad).catch((error: Error) => error.message);
      if (!/bad\.h5: HDF5 file that is damaged .*\(HDF5-DIAG/.test(String(refusal)))
        throw new Error(`${i}: ${refusal}`);
    }
    expect((await readH5Case(good)).image.data[1]).toBe(6);
  }, 60_000);

  it("reaches no other file through a link", async () => {
    const target = put("target.h5", { image });
    const file = new h5.File(join(dir, "linked.h5"), "w");
    file.create_external_link(target, "image", "image");
    file.close();
    await expect(readH5Case(join(dir, "linked.h5"))).rejects.toThrow(/linked\.h5: /);
  });
});
