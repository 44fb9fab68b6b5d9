import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "#dist/data/random.js";
import type { Lifetime } from "./kills.js";
import { type Ending, runProgram } from "./program.js";
import { type SmallDisk, smallDisk } from "./small-disk.js";
import { differenceOf, traceOf, trainArguments } from "./tiny-run.js";

/** Where faults are tried, and what an undisturbed run leaves. */
export interface Site {
  readonly data: string;
  /** A directory for runs; each fault takes another below it. */
  readonly dir: string;
  readonly whole: Record<string, string>;
  readonly life: Lifetime;
  readonly random: Random;
}

/** Something goes wrong in a training; resolves to null when all is as it should be, else to what is not. */
export type Fault = (site: Site, run: string) => Promise<string | null>;

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

/** The first complaint, or null. */
const firstOf = (...found: (string | null)[]): string | null => found.find((text) => text !== null) ?? null;

/** One line on standard error that begins with the program's name and says `text`, and this exit code. */
function saidOnce({ code, stderr }: Ending, wanted: number, text: RegExp): string | null {
  const lines = stderr.split("\n").filter((line) => line.startsWith("penumbra: "));
  if (code !== wanted) return `exit code ${code} in place of ${wanted}: ${stderr}`;
  if (lines.length !== 1) return `${lines.length} lines in place of one: ${stderr}`;
  return text.test(lines[0]!) ? null : `it says ${lines[0]}`;
}

/** Goes on with a run to its end; it must be what the undisturbed one is. */
async function goesOn({ whole }: Site, run: string, said?: RegExp): Promise<string | null> {
  const { code, stderr } = await runProgram(["train", "--resume", run]);
  if (code !== 0) return `going on ended with exit code ${code}: ${stderr}`;
  if (said && !said.test(stderr)) return `going on said only: ${stderr}`;
  const difference = differenceOf(traceOf(run), whole);
  return difference ? `another run in ${difference}` : null;
}

const firstCheckpoint = (run: string) => join(run, "checkpoints/checkpoint-0000002.json");

/** Trains, and does something as soon as a checkpoint is there. */
async function disturbed(
  { data }: Site,
  run: string,
  disturb: (pid: number) => Promise<void> | void,
  options: { uid?: number; cacheHome?: string } = {},
): Promise<Ending> {
  let pid = 0;
  let over = false;
  const ending = runProgram(trainArguments(data, run), {
    ...options,
    onStart: (child) => {
      pid = child.pid!;
    },
  }).finally(() => {
    over = true;
  });
  while (!over && !existsSync(firstCheckpoint(run))) await sleep(2);
  if (!over) await disturb(pid);
  return ending;
}

async function diskFull(site: Site, run: string): Promise<string | null> {
  let disk: SmallDisk;
  try {
    disk = smallDisk(`${run}-disk`, 6);
  } catch {
    return errorInjected("ENOSPC")(site, run);
  }
  try {
    const onDisk = join(disk.dir, "run");
    const ending = await runProgram(trainArguments(site.data, onDisk));
    const complaint = saidOnce(ending, 3, /the disk is full.*(is whole; go on with|no checkpoint yet)/);
    cpSync(onDisk, run, { recursive: true });
    return firstOf(complaint, complaint ? null : await goesOn(site, run));
  } finally {
    disk.remove();
  }
}

async function fileSizeLimit(site: Site, run: string): Promise<string | null> {
  const ending = await runProgram(trainArguments(site.data, run), { before: "ulimit -f 1000" });
  return firstOf(saidOnce(ending, 3, /larger than this process may write/), await goesOn(site, run));
}

/** From one call on, all that change files fail; not before the run is made, since then there is nothing to go on with. */
const errorInjected =
  (code: string): Fault =>
  async (site, run) => {
    const fail = 16 + site.random.below(site.life.calls - 20);
    const ending = await runProgram(trainArguments(site.data, run), { fault: { fail, code } });
    return firstOf(saidOnce(ending, 3, new RegExp(`\\(${code}\\)`)), await goesOn(site, run));
  };

async function readOnly(site: Site, run: string): Promise<string | null> {
  const cacheHome = `${run}-cache`;
  if (isRoot) {
    chmodSync(site.dir, 0o755);
    for (const dir of [run, cacheHome]) {
      mkdirSync(dir);
      chownSync(dir, NOBODY, NOBODY);
    }
  }
  const checkpoints = join(run, "checkpoints");
  const close = () => chmodSync(checkpoints, 0o555);
  const ending = await disturbed(site, run, close, isRoot ? { uid: NOBODY, cacheHome } : {});
  chmodSync(checkpoints, 0o755);
  return firstOf(saidOnce(ending, 3, /may not write there.*is whole; go on with/), await goesOn(site, run));
}

async function removedWhileRunning(site: Site, run: string): Promise<string | null> {
  const ending = await disturbed(site, run, () => rmSync(run, { recursive: true, force: true }));
  return saidOnce(ending, 3, /was removed or taken while training|its directory is not there/);
}

async function secondProcess(site: Site, run: string): Promise<string | null> {
  let second: Ending | null = null;
  const first = await disturbed(site, run, async (pid) => {
    process.kill(pid, "SIGSTOP"); // so that it is still there, however slow the second one starts
    second = await runProgram(["train", "--resume", run]);
    process.kill(pid, "SIGCONT");
  });
  if (!second || first.code !== 0) return `the first ended with ${first.code}: ${first.stderr}`;
  const difference = differenceOf(traceOf(run), site.whole);
  const other = difference ? `another run in ${difference}` : null;
  return firstOf(saidOnce(second, 3, /in use by process \d+/), other);
}

async function terminated(site: Site, run: string): Promise<string | null> {
  const ending = await disturbed(site, run, (pid) => void process.kill(pid, "SIGTERM"));
  return firstOf(saidOnce(ending, 130, /stopped after iteration/), await goesOn(site, run));
}

/** Kills a run after some checkpoints, spoils something, and goes on. */
const spoiled =
  (spoil: (run: string, random: Random) => void, said: RegExp): Fault =>
  async (site, run) => {
    await runProgram(trainArguments(site.data, run), { fault: { kill: Math.floor(site.life.calls / 2) } });
    spoil(run, site.random);
    return goesOn(site, run, said);
  };

const newestIn = (run: string, ending: string): string => {
  const names = readdirSync(join(run, "checkpoints")).filter((name) => /^checkpoint-\d+\.json$/.test(name));
  return join(run, "checkpoints", names.sort().at(-1)!.replace("json", ending));
};

const bitFlipped =
  (ending: string) =>
  (run: string, random: Random): void => {
    const path = newestIn(run, ending);
    const bytes = readFileSync(path);
    // in the manifest, of the checksum: the rest of it is for people to read
    const from = ending === "json" ? bytes.indexOf('"sha256"') + 12 : 0;
    const to = ending === "json" ? from + 60 : bytes.length;
    bytes[from + random.below(to - from)]! ^= 1 << random.below(7);
    writeFileSync(path, bytes);
  };

const cutShort = (run: string, random: Random): void =>
  truncateSync(newestIn(run, "safetensors"), random.below(1_000_000));

const DAMAGED = /is damaged .*trying the one before/;

export const FAULTS: Readonly<Record<string, Fault>> = {
  "disk full": diskFull,
  "file-size limit": fileSizeLimit,
  "read-only directory": readOnly,
  "directory removed while running": removedWhileRunning,
  "second process on a run": secondProcess,
  SIGTERM: terminated,
  "bit flipped in the newest tensors": spoiled(bitFlipped("safetensors"), DAMAGED),
  "bit flipped in the newest manifest": spoiled(bitFlipped("json"), DAMAGED),
  "newest tensors cut short": spoiled(cutShort, DAMAGED),
  "newest tensors gone": spoiled((run) => rmSync(newestIn(run, "safetensors")), DAMAGED),
  "last line of the log torn": spoiled(
    (run) => appendFileSync(join(run, "log.jsonl"), '{"stage":"stage1","iter'),
    /going on in/,
  ),
  "old checkpoints not removable at the end": async (site, run) => {
    const fault = { fail: site.life.calls - 14, code: "EACCES", on: "rmSync" };
    const ending = await runProgram(trainArguments(site.data, run), { fault });
    return firstOf(saidOnce(ending, 3, /can't be removed.*\(EACCES\).*is whole/), await goesOn(site, run));
  },
  "ENOSPC at a random call": errorInjected("ENOSPC"),
  "EIO at a random call": errorInjected("EIO"),
  "EROFS at a random call": errorInjected("EROFS"),
  "EDQUOT at a random call": errorInjected("EDQUOT"),
};
