import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PenumbraError } from "../errors.js";
import { type HostTensor, readSafetensors, writeSafetensors } from "./safetensors.js";

const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file from a header and data bytes, with the header's claimed length replaceable. */
function fileOf(header: unknown, data: number[], claimed?: bigint): string {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(text.length));
  const path = join(folder, "made.safetensors");
  writeFileSync(path, Buffer.concat([length, text, Buffer.from(data)]));
  return path;
}

describe("readSafetensors", () => {
  it("reads bytes written by hand, at an unaligned place", () => {
    const header = {
      __metadata__: { note: "two" },
      b: { dtype: "BOOL", shape: [3], data_offsets: [0, 3] },
      x: { dtype: "F32", shape: [], data_offsets: [3, 7] },
    };
    const { metadata, tensors } = readSafetensors(fileOf(header, [1, 0, 1, 0, 0, 0x80, 0x3f]));
    expect(metadata).toEqual({ note: "two" });
    expect(tensors.get("b")).toEqual({ dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) });
    expect(tensors.get("x")).toEqual({ dtype: "F32", shape: [], data: Float32Array.of(1) });
  });

  const u8 = (shape: unknown, offsets: unknown, dtype = "U8") => ({
    x: { dtype, shape, data_offsets: offsets },
  });
  it.each([
    ["a header longer than the file", () => fileOf({}, [], 1n << 62n), /header claims/],
    ["text that is not JSON", () => fileOf("{nope", []), /not JSON/],
    ["a list for a header", () => fileOf([], []), /not a JSON object/],
    ["an unknown type", () => fileOf(u8([1], [0, 1], "F8_E4M3"), [0]), /F8_E4M3.*convert/],
    [
      "a shape that asks for more than there is",
      () => fileOf(u8([1e9, 1e3], [0, 1]), [0]),
      /takes 1000000000000/,
    ],
    ["offsets beyond the end", () => fileOf(u8([4], [0, 4]), [0]), /take 4 bytes but 1/],
    ["a hole", () => fileOf(u8([1], [1, 2]), [0, 0]), /starts at 1, expected 0/],
    ["bytes left over", () => fileOf(u8([1], [0, 1]), [0, 0]), /take 1 bytes but 2/],
    ["a negative size", () => fileOf(u8([-1], [0, 1]), [0]), /shape \[-1\]/],
    ["metadata that is not text", () => fileOf({ __metadata__: { a: 1 } }, []), /metadata "a"/],
  ])("refuses %s", (_, make, message) => {
    const path = make();
    expect(() => readSafetensors(path)).toThrow(PenumbraError);
    expect(() => readSafetensors(path)).toThrow(message);
    expect(() => readSafetensors(path)).toThrow(path);
  });

  it("names a file that is missing or empty", () => {
    expect(() => readSafetensors(join(folder, "none"))).toThrow(/can't open .*none/);
    writeFileSync(join(folder, "empty"), "");
    expect(() => readSafetensors(join(folder, "empty"))).toThrow(/0 bytes/);
  });
});

describe("writeSafetensors", () => {
  const tensors = new Map<string, HostTensor>([
    ["mask", { dtype: "BOOL", shape: [3], data: Uint8Array.of(0, 1, 1) }],
    ["weight", { dtype: "F32", shape: [2, 2], data: new Float32Array([0, 1.5, -2, 3]).subarray() }],
    ["steps", { dtype: "I64", shape: [], data: BigInt64Array.of(-(2n ** 60n)) }],
    ["loss", { dtype: "F64", shape: [1], data: Float64Array.of(Math.PI) }],
    ["counts", { dtype: "I32", shape: [2], data: Int32Array.of(-7, 7) }],
    ["none", { dtype: "U8", shape: [0, 5], data: new Uint8Array(0) }],
  ]);

  it("gives back what was written, and leaves no temporary file", () => {
    const path = join(folder, "all.safetensors");
    writeSafetensors(path, tensors, { iteration: "12" });
    const back = readSafetensors(path);
    expect(back.metadata).toEqual({ iteration: "12" });
    expect(new Map([...back.tensors].sort())).toEqual(new Map([...tensors].sort()));
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(readFileSync(path).readBigUInt64LE() % 8n).toBe(0n);
  });

  it("writes a view, not the buffer under it", () => {
    const data = Float32Array.of(1, 2, 3).subarray(1);
    const path = join(folder, "view.safetensors");
    writeSafetensors(path, new Map([["x", { dtype: "F32", shape: [2], data }]]));
    expect(readSafetensors(path).tensors.get("x")?.data).toEqual(Float32Array.of(2, 3));
  });

  it("leaves the old file in place when the tensors are wrong", () => {
    const path = join(folder, "old.safetensors");
    writeSafetensors(path, tensors);
    const before = readFileSync(path);
    const wrong = new Map<string, HostTensor>([
      ["x", { dtype: "F32", shape: [3], data: new Float32Array(2) }],
    ]);
    expect(() => writeSafetensors(path, wrong)).toThrow(/"x" is Float32Array\(2\), not F32 of \[3\]/);
    expect(readFileSync(path)).toEqual(before);
  });
});
