import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { refusal } from "../errors.testing.js";
import { sha256, sha256OfFile } from "./checksum.js";
import {
  isLeftover,
  removeLeftovers,
  temporaryName,
  writeJson,
  writeText,
  writeWholeFile,
} from "./whole-file.js";
import { writeFailure } from "./write-failure.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-files-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("a whole file", () => {
  it("holds all parts, in place of what was there, and nothing else is left", () => {
    const path = join(dir, "a");
    writeText(path, "before, and longer than what comes after");
    writeWholeFile(path, [Buffer.from("one"), new Uint8Array(0), Buffer.from("two")]);
    expect(readFileSync(path, "utf8")).toBe("onetwo");
    writeJson(join(dir, "b.json"), { x: [1] });
    expect(JSON.parse(readFileSync(join(dir, "b.json"), "utf8"))).toEqual({ x: [1] });
    expect(readdirSync(dir).sort()).toEqual(["a", "b.json"]);
  });

  it("stays as it was when a part of the new one fails", () => {
    const path = join(dir, "a");
    writeText(path, "before");
    const parts = function* () {
      yield Buffer.from("half");
      throw new Error("no more");
    };
    expect(() => writeWholeFile(path, parts())).toThrow("no more");
    expect(readFileSync(path, "utf8")).toBe("before");
    expect(readdirSync(dir)).toEqual(["a"]);
  });

  it("says what is wrong with its path", () => {
    const missing = join(dir, "no", "file");
    expect(refusal(() => writeText(missing, ""))).toMatchObject({
      code: "bad-input",
      message: `${missing}: can't be written: its directory is not there (ENOENT)`,
    });
    mkdirSync(join(dir, "folder"));
    expect(refusal(() => writeText(join(dir, "folder"), "")).message).toContain("a directory has that name");
  });
});

it("leftovers are the files that a killed process was writing, and only they are removed", () => {
  const leftover = temporaryName(join(dir, "model.safetensors"));
  writeFileSync(leftover, "half");
  writeFileSync(join(dir, "notes.tmp"), "mine");
  expect([isLeftover(leftover), isLeftover("notes.tmp")]).toEqual([true, false]);
  removeLeftovers(dir);
  expect([existsSync(leftover), existsSync(join(dir, "notes.tmp"))]).toEqual([false, true]);
});

describe("a write failure", () => {
  it.each([
    ["ENOSPC", "environment", "the disk is full"],
    ["EROFS", "environment", "read-only"],
    ["EACCES", "environment", "may not write there"],
    ["ENOTDIR", "bad-input", "a part of its path is a file"],
    ["EWHATEVER", "environment", "something odd"],
  ])("with %s is of the kind %s and says: %s", (code, kind, text) => {
    const error = writeFailure("x", Object.assign(new Error("something odd"), { code }));
    expect(error.code).toBe(kind);
    expect(error.message).toContain(text);
    expect(error.message).toContain(`(${code})`);
  });
});

it("a checksum is SHA-256, of parts as of a file", () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-2, B.1
  expect(sha256([Buffer.from("a"), Buffer.from("bc")])).toBe(abc);
  writeText(join(dir, "abc"), "abc");
  expect(sha256OfFile(join(dir, "abc"))).toBe(abc);
  const large = Buffer.alloc(5_000_000, "penumbra");
  writeWholeFile(join(dir, "large"), [large]);
  expect(sha256OfFile(join(dir, "large"))).toBe(sha256([large]));
});
