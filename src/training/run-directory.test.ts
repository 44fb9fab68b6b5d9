import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CaseFiles, Dataset } from "../data/dataset.js";
import { complaint, refusal } from "../errors.testing.js";
import { thisProcess } from "../files/process-identity.js";
import { resolveConfig } from "./config.js";
import { copyProgress, createRun, gitState, lockRun, readRun } from "./run-directory.js";

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "penumbra-run-"));
  dir = join(root, "run");
});
afterEach(() => rmSync(root, { recursive: true }));

const cases = (...ids: string[]) => ids.map((id) => ({ id, imagePath: `${id}.nii` }) as CaseFiles);
const dataset = {
  dir: "/data",
  classNames: ["background", "atrium"],
  labeled: cases("a"),
  unlabeled: cases("b", "c"),
  test: cases("d"),
} as unknown as Dataset;
const ENGINE = { libtorch: "1.13.0", precision: "fp32", threads: 2, processor: "a processor" } as const;
/** Makes a run and lets go of it, as a run that ends does. */
const made = () => createRun(dir, { config: resolveConfig({ seed: 5 }), dataset }, ENGINE).release();

it("knows a source tree's commit, and takes no other project's around it for its own", () => {
  const git = (...args: string[]) => execFileSync("git", ["-C", dir, ...args], { encoding: "utf8" }).trim();
  mkdirSync(dir);
  git("init", "-q");
  git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "first");
  expect(gitState(dir)).toEqual({ commit: git("rev-parse", "HEAD"), modified: false });
  const inside = join(dir, "node_modules/penumbra");
  mkdirSync(inside, { recursive: true });
  expect(gitState(inside)).toBeNull();
});

describe("createRun", () => {
  it("writes what the run was made from, and readRun gives it back", () => {
    made();
    const { run, config } = readRun(dir);
    expect(run).toMatchObject({
      format: 1,
      ...ENGINE,
      classNames: ["background", "atrium"],
      labeled: ["a"],
      unlabeled: ["b", "c"],
      test: ["d"],
    });
    expect(Number.isNaN(Date.parse(run.created))).toBe(false);
    expect(config).toEqual(resolveConfig({ seed: 5 }));
    expect(existsSync(join(dir, "checkpoints"))).toBe(true);
  });

  it("never touches a directory that holds something, nor a file", () => {
    made();
    const before = readFileSync(join(dir, "config.json"), "utf8");
    expect(complaint(made)).toContain(`--resume ${dir}`);
    expect(readFileSync(join(dir, "config.json"), "utf8")).toBe(before);
    dir = join(root, "file");
    writeFileSync(dir, "");
    expect(complaint(made)).toContain(`${dir} is a file`);
  });
});

describe("a run directory", () => {
  const lockedOnly = () => {
    mkdirSync(join(dir, "checkpoints"), { recursive: true });
    writeFileSync(join(dir, "run.lock"), JSON.stringify({ ...thisProcess(), boot: "an earlier one" }));
    writeFileSync(join(dir, "config.json.123.tmp"), "{");
  };

  it("whose making was cut short by a kill counts as empty", () => {
    lockedOnly();
    made();
    expect(readRun(dir).run.labeled).toEqual(["a"]);
    expect(readdirSync(dir).sort()).toEqual(["checkpoints", "config.json", "run.json"]);
  });

  it("does not when there is anything else in it", () => {
    lockedOnly();
    writeFileSync(join(dir, "notes.txt"), "mine");
    expect(complaint(made)).toContain(`${dir} is not empty`);
    expect(existsSync(join(dir, "notes.txt"))).toBe(true);
    rmSync(join(dir, "notes.txt"));
    rmSync(join(dir, "run.lock"));
    expect(complaint(made)).toContain(`${dir} is not empty`);
  });

  it("belongs to one process at a time", () => {
    made();
    writeFileSync(join(dir, "checkpoints/checkpoint-0000002.safetensors.77.tmp"), "half");
    const lock = lockRun(dir);
    expect(readdirSync(join(dir, "checkpoints"))).toEqual([]); // what a killed process left
    expect(refusal(() => lockRun(dir)).code).toBe("environment");
    lock.release();
    lockRun(dir).release();
  });

  it("that a dead process had is taken over, and it is said", () => {
    made();
    writeFileSync(
      join(dir, "run.lock"),
      JSON.stringify({ ...thisProcess(), pid: 7, boot: "an earlier one" }),
    );
    const said: string[] = [];
    lockRun(dir, (line) => said.push(line)).release();
    expect(said).toEqual([expect.stringContaining("taken over from process 7 on ")]);
  });
});

describe("copyProgress", () => {
  const other = () => {
    const from = join(root, "other");
    mkdirSync(join(from, "checkpoints"), { recursive: true });
    for (const name of ["log.jsonl", "checkpoints/checkpoint-2.json", "checkpoints/checkpoint-2.safetensors"])
      writeFileSync(join(from, name), name);
    return from;
  };

  it("copies log and checkpoints", () => {
    made();
    copyProgress(other(), dir);
    expect(readFileSync(join(dir, "log.jsonl"), "utf8")).toBe("log.jsonl");
    expect(readdirSync(join(dir, "checkpoints")).sort()).toEqual([
      "checkpoint-2.json",
      "checkpoint-2.safetensors",
    ]);
  });

  it("that stops at a tensor file leaves no manifest, and says what could not be copied", () => {
    made();
    const from = other();
    mkdirSync(join(from, "checkpoints/checkpoint-3.safetensors"));
    expect(complaint(() => copyProgress(from, dir))).toContain("checkpoint-3.safetensors: can't be written");
    expect(readdirSync(join(dir, "checkpoints")).filter((name) => name.endsWith(".json"))).toEqual([]);
  });
});

describe("readRun", () => {
  const spoiled = (name: string, text: string | null) => {
    made();
    if (text === null) rmSync(join(dir, name));
    else writeFileSync(join(dir, name), text);
    return complaint(() => readRun(dir));
  };

  it("says what is no run directory", () => {
    expect(complaint(() => readRun(dir))).toBe(`${dir}: no such run directory`);
    expect(complaint(() => readRun(root))).toBe(`${root} is no run directory: it has no run.json`);
  });

  it("takes what can't be looked at for no missing file", () => {
    made();
    const path = join(dir, "run.json");
    rmSync(path);
    symlinkSync("run.json", path); // as in a closed folder, which root may look into
    expect(complaint(() => readRun(dir))).toMatch(/run\.json: can't be read: .*\(ELOOP\)$/);
    expect(complaint(() => readRun(join(path, "run")))).toMatch(
      /run\.json\/run: can't be read: .*\(ELOOP\)$/,
    );
  });

  it("names the file that is missing or spoiled, and the version that can read it", () => {
    expect(spoiled("config.json", null)).toContain("it has no config.json");
    rmSync(dir, { recursive: true });
    expect(spoiled("run.json", "{")).toContain("run.json is not valid JSON");
    rmSync(dir, { recursive: true });
    expect(spoiled("config.json", '{"seed": "x"}')).toContain("config.json");
    rmSync(dir, { recursive: true });
    expect(spoiled("run.json", '{"format": 9, "penumbra": "7.0.0"}')).toContain(
      "penumbra 7.0.0 (run format 9)",
    );
  });

  it.each([
    ["classNames", undefined],
    ["labeled", undefined],
    ["data", 7],
    ["precision", "fp16"],
    ["medianSpacingMm", [1, 1]],
  ])("refuses a run.json whose %s is %s, and names it", (field, value) => {
    made();
    const path = join(dir, "run.json");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), [field]: value }));
    expect(complaint(() => readRun(dir))).toMatch(
      new RegExp(`run\\.json: ${field}: .+; restore it or train again`),
    );
  });

  it.each(["null", "3", "[]"])("refuses a run.json that is %s", (text) => {
    expect(spoiled("run.json", text)).toContain("run.json is no record of a run");
  });
});
