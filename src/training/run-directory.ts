import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Dataset } from "../data/dataset.js";
import { badInput, PenumbraError } from "../errors.js";
import { readTextFile } from "../files/text-file.js";
import { packageVersion } from "../version.js";
import { type Config, parseConfig } from "./config.js";
import { writeJson } from "./whole-file.js";

/** The form of run directories that this version reads and writes. */
const FORMAT = 1;

/** Where the weights of a run came from that were not trained here. */
export interface ImportRecord {
  /** The file's name, without its folder. */
  readonly file: string;
  readonly sha256: string;
  /** "PyTorch", "PyTorch before 1.6" or "safetensors". */
  readonly form: string;
  /** Names that the file lacked, and those it had beside them. */
  readonly missing: readonly string[];
  readonly leftOver: readonly string[];
}

/** What a run was made from, beside its config: `run.json`. */
export interface RunRecord {
  readonly format: number;
  readonly penumbra: string;
  readonly libtorch: string;
  readonly precision: string;
  readonly created: string;
  readonly git: { readonly commit: string; readonly modified: boolean } | null;
  readonly data: string;
  readonly classNames: readonly string[];
  readonly labeled: readonly string[];
  readonly unlabeled: readonly string[];
  readonly test: readonly string[];
  /** Set when the weights were imported; `data` is "" then and there are no cases. */
  readonly imported?: ImportRecord;
}

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));

/** State of the source tree this package runs from, null outside a git checkout. */
function gitState(): RunRecord["git"] {
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", packageRoot, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    return { commit: git("rev-parse", "HEAD"), modified: git("status", "--porcelain") !== "" };
  } catch {
    return null;
  }
}

/** Makes a directory and those above it. @throws PenumbraError "bad-input" when it can't be made. */
export function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw badInput(`${dir}: can't be made a directory (${reason}); name another with --out`, cause);
  }
}

/** Whether a directory holds something; false when it is not there. @throws PenumbraError "bad-input" for a file. */
export function hasContent(dir: string): boolean {
  if (!existsSync(dir)) return false;
  if (!statSync(dir).isDirectory()) throw badInput(`${dir} is a file: name a new directory with --out`);
  return readdirSync(dir).length > 0;
}

/** @throws PenumbraError "bad-input" when the directory of a new run is there and not empty. */
export function checkNewRun(dir: string): void {
  if (!hasContent(dir)) return;
  const isRun = existsSync(join(dir, "run.json"));
  const orResume = isRun ? `, or go on with: penumbra train --resume ${dir}` : "";
  throw badInput(`${dir} is not empty: name a new directory with --out${orResume}`);
}

export interface NewRun {
  readonly config: Config;
  readonly dataset: Pick<Dataset, "dir" | "classNames" | "labeled" | "unlabeled" | "test">;
  readonly libtorch: string;
  readonly precision: string;
  readonly imported?: ImportRecord;
}

/**
 * Makes a run directory with config.json and run.json.
 * @throws PenumbraError "bad-input" when the directory is there and not empty; nothing in it is touched.
 */
export function createRun(
  dir: string,
  { config, dataset, libtorch, precision, imported }: NewRun,
): RunRecord {
  checkNewRun(dir);
  makeDirectory(join(dir, "checkpoints"));
  const ids = (cases: Dataset["test"]) => cases.map(({ id }) => id);
  const record: RunRecord = {
    format: FORMAT,
    penumbra: packageVersion(),
    libtorch,
    precision,
    created: new Date().toISOString(),
    git: gitState(),
    data: dataset.dir,
    classNames: dataset.classNames,
    labeled: ids(dataset.labeled),
    unlabeled: ids(dataset.unlabeled),
    test: ids(dataset.test),
    ...(imported && { imported }),
  };
  writeJson(join(dir, "config.json"), config);
  writeJson(join(dir, "run.json"), record);
  return record;
}

/**
 * Reads a run directory.
 * @throws PenumbraError "bad-input" when it is none, or of another version's form.
 */
export function readRun(dir: string): { config: Config; run: RunRecord } {
  if (!existsSync(dir)) throw badInput(`${dir}: no such run directory`);
  const run = readJson(join(dir, "run.json"), dir) as RunRecord | null;
  if (typeof run?.format !== "number") {
    throw badInput(`${join(dir, "run.json")} is no record of a run; restore it or train again`);
  }
  if (run.format !== FORMAT) {
    throw badInput(
      `${dir} was written by penumbra ${run.penumbra} (run format ${run.format}); this version reads format ${FORMAT}: use that version, or train again`,
    );
  }
  return { run, config: parseConfig(readJson(join(dir, "config.json"), dir), join(dir, "config.json")) };
}

function readJson(path: string, dir: string): unknown {
  if (!existsSync(path))
    throw badInput(`${dir} is no run directory: it has no ${path.slice(dir.length + 1)}`);
  try {
    return JSON.parse(readTextFile(path, "a run's record"));
  } catch (cause) {
    if (cause instanceof PenumbraError) throw cause;
    throw badInput(`${path} is not valid JSON; restore it or train again`, cause);
  }
}
