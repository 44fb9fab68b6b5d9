import { expect, it } from "vitest";
import { crc32 } from "./crc32.js";

it("has the published check value, also in parts", () => {
  const bytes = Buffer.from("123456789");
  expect(crc32(bytes).toString(16)).toBe("cbf43926");
  expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4))).toString(16)).toBe("cbf43926");
});
