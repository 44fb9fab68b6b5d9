import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { crc32 } from "../files/crc32.js";
import { encodePng } from "./png.js";

describe("encodePng", () => {
  it("writes header and rows that decode to the pixels", () => {
    const png = encodePng(Uint8Array.of(10, 20, 30, 255, 0, 1, 9, 20, 31, 0, 0, 2), 2, 2);
    expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    expect([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]]).toEqual([2, 2, 8, 2]);
    const length = png.readUInt32BE(33);
    expect(png.toString("latin1", 37, 41)).toBe("IDAT");
    // filter 2 (up): the second row is stored as its difference from the first, modulo 256
    expect([...inflateSync(png.subarray(41, 41 + length))]).toEqual([
      2, 10, 20, 30, 255, 0, 1, 2, 255, 0, 1, 1, 0, 1,
    ]);
    expect(png.readUInt32BE(41 + length)).toBe(crc32(png.subarray(37, 41 + length)));
  });

  it("refuses a length that is not the picture's", () => {
    expect(() => encodePng(new Uint8Array(11), 2, 2)).toThrow(/12 bytes, got 11/);
  });
});
