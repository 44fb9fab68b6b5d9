import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import { checkCanBeMade, makeDirectories, makeDirectory } from "./directory.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-directory-"));
afterAll(() => rmSync(dir, { recursive: true }));

describe("makeDirectories", () => {
  it("makes those above, too, and leaves what is there", () => {
    for (let again = 0; again < 2; again++) makeDirectories(join(dir, "a/b/c"));
    writeFileSync(join(dir, "a/file"), "");
    makeDirectories(join(dir, "a"));
    expect(existsSync(join(dir, "a/file"))).toBe(true);
  });

  it("ends where a directory takes no new ones", () => {
    const nowhere = process.platform === "linux" ? ["/proc/penumbra/a"] : [];
    writeFileSync(join(dir, "file"), "");
    symlinkSync(join(dir, "gone"), join(dir, "dangling"));
    for (const path of [...nowhere, join(dir, "file/a"), join(dir, "dangling")])
      expect(
        complaint(() => makeDirectories(path)),
        path,
      ).toMatch(/can't be made a directory.*(ENOENT|ENOTDIR|EEXIST)/);
  });
});

it("makeDirectory says what is in the way", () => {
  expect(complaint(() => makeDirectory(join(dir, "file/a")))).toMatch(
    /can't be made a directory: .*name another with --out/,
  );
});

it("checkCanBeMade makes nothing, and refuses what makeDirectory would", () => {
  checkCanBeMade(join(dir, "new/one"));
  expect(existsSync(join(dir, "new"))).toBe(false);
  expect(complaint(() => checkCanBeMade(join(dir, "file/a")))).toMatch(/is a file; name another with --out/);
});
