import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { freshDemoDirectory, MARKER } from "./demo-directory.js";

const root = mkdtempSync(join(tmpdir(), "penumbra-demo-"));
afterAll(() => rmSync(root, { recursive: true }));

it("makes a directory with its mark, and replaces what bears it", () => {
  const dir = join(root, "a", "demo");
  const lock = freshDemoDirectory(dir);
  expect(existsSync(join(dir, MARKER))).toBe(true);
  writeFileSync(join(dir, "old.txt"), "");
  expect(() => freshDemoDirectory(dir)).toThrow(/in use by process \d+/);
  expect(existsSync(join(dir, "old.txt"))).toBe(true);
  lock.release();
  freshDemoDirectory(dir);
  expect(existsSync(join(dir, "old.txt"))).toBe(false);
  expect(existsSync(join(dir, MARKER))).toBe(true);
});

it("leaves anything else as it is", () => {
  const dir = join(root, "thesis");
  mkdirSync(dir);
  writeFileSync(join(dir, "chapter.tex"), "");
  expect(() => freshDemoDirectory(dir)).toThrow(/thesis is not empty and was not made by the demo/);
  expect(existsSync(join(dir, "chapter.tex"))).toBe(true);
  expect(existsSync(join(dir, MARKER))).toBe(false);
});
