import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import { ifThere, isThere, namesIfThere } from "./there.js";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-there-"));
  writeFileSync(join(dir, "file"), "");
});
afterEach(() => rmSync(dir, { recursive: true }));

it.each(["none", "file/none", "none/none"])("nothing is at %s", async (name) => {
  expect(isThere(join(dir, name))).toBe(false);
  expect(await ifThere(join(dir, name), stat)).toBeNull();
  expect(await namesIfThere(join(dir, name))).toEqual([]);
});

it("finds what is there", async () => {
  expect(isThere(join(dir, "file"))).toBe(true);
  expect(await namesIfThere(dir)).toEqual(["file"]);
});

it("names what can't be looked at, and why", async () => {
  symlinkSync("loop", join(dir, "loop"));
  const path = join(dir, "loop", "a");
  const said = `${path}: can't be read: its symbolic links lead in a circle; remove them (ELOOP)`;
  expect(complaint(() => isThere(path))).toBe(said);
  await expect(ifThere(path, stat)).rejects.toMatchObject({ code: "bad-input", message: said });
  expect(complaint(() => isThere(`${dir}/a\0b`))).toMatch(/can't be read: .*null bytes/);
});

it.skipIf(process.getuid?.() === 0)("takes a closed folder for no absent one", async () => {
  const closed = join(dir, "closed");
  mkdirSync(closed, { mode: 0 });
  expect(complaint(() => isThere(join(closed, "a")))).toMatch(/permissions.*\(EACCES\)$/);
  await expect(namesIfThere(closed)).rejects.toThrow(/closed: can't be read: .*\(EACCES\)$/);
  chmodSync(closed, 0o700);
});
