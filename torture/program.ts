import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** How a run of the program ended. */
export interface Ending {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** What `fault-hook.mjs` does to it. */
  readonly fault?: Fault;
  /** A shell command line that runs before it in the same shell, for example "ulimit -f 100". */
  readonly before?: string;
  readonly uid?: number;
  /** Where it keeps prepared cases, if not where this user does. */
  readonly cacheHome?: string;
  readonly onStart?: (child: ChildProcess) => void;
}

export interface Fault {
  /** Number of the call that changes files at which the process dies. */
  readonly kill?: number;
  /** Number of the call from which on all fail. */
  readonly fail?: number;
  readonly code?: string;
  /** Only calls of this name fail. */
  readonly on?: string;
}

/** The project's root: npm starts tests and torture there. */
export const ROOT = process.cwd();
const PROGRAM = resolve(ROOT, "bin/penumbra.js");
const HOOK = pathToFileURL(resolve(ROOT, "torture/fault-hook.mjs")).href;

/** Runs `penumbra …` in a process of its own, to its end. */
export function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Ending> {
  const { fault, before, uid, cacheHome, onStart } = options;
  const hook = fault ? ["--import", HOOK] : [];
  const line = [process.execPath, ...hook, PROGRAM, ...args];
  const [command, ...rest] = before ? ["bash", "-c", `${before}; exec "$@"`, "bash", ...line] : line;
  const child = spawn(command!, rest, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      FAULT: JSON.stringify(fault ?? {}),
      ...(cacheHome !== undefined && { XDG_CACHE_HOME: cacheHome }),
    },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  onStart?.(child);
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]!.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (code, signal) => done({ code, signal, ...texts }));
  });
}
