import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Tally } from "./try-inputs.js";
import type { News, Order } from "./worker.js";

/** Time of the processor after which an input hangs; what other programs take does not count. */
const HANG_CPU_SECONDS = 60;
/** An input that takes no time of the processor, or whose time can't be told, waits for what never comes. */
const HANG_WALL_SECONDS = 1800;
const LOOK_MS = 1000;
/** Of the kernel's clock in /proc, whatever the processor's. */
const TICKS_PER_SECOND = 100;
const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));

export interface Work {
  /** Null where the worker crashed or hung. */
  readonly tally: Tally | null;
  /** The last input that it began; null where it did not get so far. */
  readonly at: number | null;
  readonly end: string;
}

/** Seconds that a process has spent on processors (proc(5), fields 14 and 15); null where the system doesn't tell. */
export function cpuSecondsOf(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}

/** Says when a worker has spent too long on one thing; its start is one, each input another. */
export class Patience {
  #heard = true;
  #cpu = 0;
  #since = 0;

  /** The worker has gone on to something else. */
  heard(): void {
    this.#heard = true;
  }

  /** Why the worker hangs; null while it may go on. */
  look(cpuSeconds: number | null, nowMs: number): string | null {
    if (this.#heard) {
      [this.#heard, this.#cpu, this.#since] = [false, cpuSeconds ?? 0, nowMs];
      return null;
    }
    if (cpuSeconds !== null && cpuSeconds - this.#cpu > HANG_CPU_SECONDS)
      return `hangs: no answer in ${HANG_CPU_SECONDS} s of processor time`;
    return nowMs - this.#since > 1000 * HANG_WALL_SECONDS ? `hangs: silent for ${HANG_WALL_SECONDS} s` : null;
  }
}

/** Does a range in a process of its own. A crash or a hang ends it early, at the input that `at` names. */
export function work(order: Order): Promise<Work> {
  return new Promise((resolve) => {
    const child = fork(WORKER, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const patience = new Patience();
    let [at, end, tally]: [number | null, string, Tally | null] = [null, "", null];
    const timer = setInterval(() => {
      const why = patience.look(cpuSecondsOf(child.pid!), performance.now());
      if (why === null) return;
      end = why;
      child.kill("SIGKILL");
    }, LOOK_MS);
    child.on("message", (news: News) => {
      patience.heard();
      if ("at" in news) at = news.at;
      else tally = news.done;
    });
    child.on("exit", (code, signal) => {
      clearInterval(timer);
      resolve({ tally, at, end: end || `crashed: ${signal ?? `exit code ${code}`}` });
    });
    child.send(order);
  });
}
