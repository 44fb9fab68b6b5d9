import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { CORRECTIONS_FOLDER } from "../data/corrections.js";
import type { Dataset } from "../data/dataset.js";
import { badInput, PenumbraError } from "../errors.js";
import { hasContent, makeDirectory } from "../files/directory.js";
import { FileLock } from "../files/file-lock.js";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";
import { isThere } from "../files/there.js";
import { isLeftover, removeLeftovers, writeJson } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";
import { StateMisfit } from "../nn/module.js";
import { shellWord } from "../shell-word.js";
import { packageVersion } from "../version.js";
import type { Triple } from "../volume/volume.js";
import type { CaseContents } from "./case-contents.js";
import { type Config, parseConfig } from "./config.js";
import { checkRecord, type ImportRecord, RUN_FORMAT, type RunRecord } from "./run-record.js";

/** Which of a data set's labels in use are corrections, as paths below its directory. */
export const correctedLabels = ({ dir, labeled }: Pick<Dataset, "dir" | "labeled">): string[] =>
  labeled
    .map(({ labelPath }) => relative(dir, labelPath ?? dir))
    .filter((path) => dirname(path) === CORRECTIONS_FOLDER);

const idsOf = (cases: Dataset["test"]): string[] => cases.map(({ id }) => id);

/** The cases that a run on a data set uses, as its record names them. */
export const caseLists = (dataset: Pick<Dataset, "dir" | "labeled" | "unlabeled">) => ({
  labeled: idsOf(dataset.labeled),
  unlabeled: idsOf(dataset.unlabeled),
  corrected: correctedLabels(dataset),
});

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));

/** State of the source tree this package runs from, null outside a git checkout of its own (in another project's, say). */
export function gitState(root: string = packageRoot): RunRecord["git"] {
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    if (git("rev-parse", "--show-toplevel") !== realpathSync(root)) return null;
    return { commit: git("rev-parse", "HEAD"), modified: git("status", "--porcelain") !== "" };
  } catch {
    return null;
  }
}

/** The file that says which process trains into a run directory. */
const LOCK_NAME = "run.lock";
/** Whether a process that runs is known to train into a run directory. */
export const isBeingTrained = (dir: string): boolean => FileLock.isTaken(join(dir, LOCK_NAME));
export const checkpointsOf = (dir: string): string => join(dir, "checkpoints");

/** What a process leaves that was killed while it made a run directory: run.json, which comes last, is not there. */
function isUnmade(dir: string): boolean {
  const names = readdirSync(dir);
  const ours = (name: string) =>
    name.startsWith(LOCK_NAME) || name === "config.json" || name === "checkpoints" || isLeftover(name);
  const checkpoints = checkpointsOf(dir);
  return (
    names.some((name) => name.startsWith(LOCK_NAME)) &&
    names.every(ours) &&
    !(existsSync(checkpoints) && hasContent(checkpoints))
  );
}

/** Whether a run was begun there. */
export const isRun = (dir: string): boolean => existsSync(join(dir, "run.json"));

/** Whether there is a training to go on with. */
function canGoOn(dir: string): boolean {
  try {
    return readRun(dir).run.imported === undefined;
  } catch {
    return false;
  }
}

/** @throws PenumbraError "bad-input" when the directory of a new run is there and not empty. */
export function checkNewRun(dir: string): void {
  if (!hasContent(dir) || isUnmade(dir)) return;
  const orResume = canGoOn(dir) ? `, or go on with: penumbra train --resume ${shellWord(dir)}` : "";
  throw badInput(`${dir} is not empty: name a new directory with --out${orResume}`);
}

/**
 * Makes a run directory this process's own, and clears away what a killed one left half written. Release it at the end.
 * @throws PenumbraError "environment" while another process trains into it
 */
export function lockRun(dir: string, onTakeOver?: (line: string) => void): FileLock {
  const lock = FileLock.take(join(dir, LOCK_NAME), ({ pid, host }) =>
    onTakeOver?.(`${dir}: taken over from process ${pid} on ${host}, which is gone`),
  );
  for (const folder of [dir, checkpointsOf(dir)]) if (existsSync(folder)) removeLeftovers(folder);
  return lock;
}

/** What a run is made from, and what it is computed with. */
interface Made {
  readonly config: Config;
  readonly dataset: Pick<Dataset, "dir" | "classNames" | "labeled" | "unlabeled" | "test">;
  readonly medianSpacingMm?: Triple | null;
  readonly imported?: ImportRecord;
  readonly contents?: CaseContents;
  readonly initial?: string;
}
type Engine = Required<Pick<RunRecord, "libtorch" | "precision" | "threads" | "processor">>;

/**
 * Makes a run directory with config.json and run.json, and locks it; the lock is the caller's to release.
 * @throws PenumbraError "bad-input" when the directory is there and not empty; nothing in it is touched.
 */
export function createRun(
  dir: string,
  { config, dataset, medianSpacingMm, imported, contents, initial }: Made,
  engine: Engine,
): FileLock {
  checkNewRun(dir);
  makeDirectory(dir);
  const lock = lockRun(dir);
  const record: RunRecord = {
    format: RUN_FORMAT,
    penumbra: packageVersion(),
    libtorch: engine.libtorch,
    precision: engine.precision,
    threads: engine.threads,
    processor: engine.processor,
    created: new Date().toISOString(),
    git: gitState(),
    data: dataset.dir,
    classNames: dataset.classNames,
    ...caseLists(dataset),
    test: idsOf(dataset.test),
    medianSpacingMm,
    imported,
    contents,
    initial,
  };
  try {
    checkNewRun(dir); // now that nobody else can begin one here
    makeDirectory(checkpointsOf(dir));
    writeJson(join(dir, "config.json"), config);
    writeJson(join(dir, "run.json"), record);
  } catch (error) {
    if (isUnmade(dir)) {
      rmSync(join(dir, "config.json"), { force: true });
      rmSync(checkpointsOf(dir), { recursive: true, force: true });
    }
    lock.release();
    throw error;
  }
  return lock;
}

/**
 * Copies checkpoints and log from another run, so that this one goes on where that one ended. Manifests come last: what
 * a kill half-way leaves is no checkpoint, and the run begins at the beginning.
 * @throws PenumbraError as `writeWholeFile`
 */
export function copyProgress(from: string, to: string): void {
  const names = readdirSync(checkpointsOf(from)).map((name) => join("checkpoints", name));
  const [manifests, tensors] = [".json", ".safetensors"].map((end) => names.filter((n) => n.endsWith(end)));
  for (const path of ["log.jsonl", ...tensors!, ...manifests!]) {
    try {
      copyFileSync(join(from, path), join(to, path));
    } catch (error) {
      throw writeFailure(join(to, path), error);
    }
  }
}

/**
 * Reads a run directory.
 * @throws PenumbraError "bad-input" when it is none, or of another version's form.
 */
export function readRun(dir: string): { config: Config; run: RunRecord } {
  if (!isThere(dir)) throw badInput(`${dir}: no such run directory`);
  const record = join(dir, "run.json");
  const run = checkRecord(readJson(record, dir), record);
  const path = join(dir, "config.json");
  return { run, config: parseConfig(readJson(path, dir), path) };
}

/** What to throw where saved tensors of a run were loaded: "bad-input" when they are another network's than its configuration's. */
export function misfitOf(path: string, dir: string, cause: unknown): unknown {
  if (!(cause instanceof StateMisfit)) return cause;
  const config = join(dir, "config.json");
  return badInput(
    `${path} does not fit ${config}: ${cause.message}; restore the one that was changed`,
    cause,
  );
}

function readJson(path: string, dir: string): unknown {
  if (!isThere(path)) throw badInput(`${dir} is no run directory: it has no ${path.slice(dir.length + 1)}`);
  try {
    return parseJson(readTextFile(path, "a run's record"));
  } catch (cause) {
    if (cause instanceof PenumbraError) throw cause;
    throw badInput(`${path} is not valid JSON; restore it or train again`, cause);
  }
}
