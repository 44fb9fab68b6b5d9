import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { complaint } from "../src/errors.testing.js";
import { sha256OfFile } from "../src/files/checksum.js";
import { FileLock } from "../src/files/file-lock.js";
import { loadCheckpoint } from "../src/training/checkpoint.js";
import { readRun } from "../src/training/run-directory.js";
import { readRunLog } from "../src/training/run-log.js";
import { grownSince, lastLine } from "../src/viewer/tail.js";

/** A pipe into which nobody writes: opening it as a file waits for ever. */
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-pipes-"));
});
afterEach(() => rmSync(dir, { recursive: true }));
const pipe = (name: string): string => {
  execFileSync("mkfifo", [join(dir, name)]);
  return join(dir, name);
};

it("a run directory with pipes in place of its files is refused or passed over, not waited for", () => {
  expect(() => sha256OfFile(pipe("tensors"))).toThrow(/not a regular file/);
  pipe("run.json");
  expect(complaint(() => readRun(dir))).toMatch(/run\.json is not a regular file/);
  pipe("log.jsonl");
  expect(complaint(() => readRunLog(dir))).toMatch(/log\.jsonl is not a regular file/);
  expect(lastLine(join(dir, "log.jsonl"))).toBeNull();
  expect(grownSince(join(dir, "log.jsonl"), null)).toBeNull();
  expect(complaint(() => FileLock.take(pipe("run.lock")))).toMatch(
    /run\.lock: in use by a process that can't be told/,
  );
  const checkpoints = join(dir, "checkpoints");
  mkdirSync(checkpoints);
  for (const ending of ["json", "safetensors"]) pipe(`checkpoints/checkpoint-0000002.${ending}`);
  const said: string[] = [];
  expect(complaint(() => loadCheckpoint(checkpoints, "cpu", (line) => said.push(line)))).toMatch(
    /checkpoint/,
  );
  expect(said.join()).toMatch(/is not a regular file/);
});
