import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import { readTextFile } from "./text-file.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-text-"));
afterAll(() => rmSync(dir, { recursive: true }));

describe("readTextFile", () => {
  it("gives the whole text", () => {
    writeFileSync(join(dir, "text"), "na\u00efve\n");
    expect(readTextFile(join(dir, "text"), "a text")).toBe("na\u00efve\n");
  });

  it.each([
    ["what is missing", "none", () => {}, /can't open .*none: ENOENT.*give the path of a text/],
    ["a folder", ".", () => {}, /not a regular file/],
    [
      "a pipe, without waiting",
      "pipe",
      (path: string) => execFileSync("mkfifo", [path]),
      /not a regular file/,
    ],
    [
      "a file that no text fits",
      "huge",
      (path: string) => {
        writeFileSync(path, "");
        truncateSync(path, 2 ** 33); // a hole, which takes no room
      },
      /huge: 8589934592 bytes, too many for a text/,
    ],
  ])("refuses %s", (_, name, make, message) => {
    make(join(dir, name));
    expect(complaint(() => readTextFile(join(dir, name), "a text"))).toMatch(message);
  });
});
