import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { systemCodeOf } from "./system-error.js";

/** A process as a file on a shared disk can name it: a number alone is given again to other processes. */
export interface ProcessIdentity {
  readonly host: string;
  /** Of the host, anew at each start; null where the system has none to read. */
  readonly boot: string | null;
  /** Of the process numbers: two containers on one host may both have a process 7. */
  readonly namespace: string | null;
  readonly pid: number;
  /** When it was started, in the host's clock ticks; null where the system doesn't tell. */
  readonly started: string | null;
}

/** "dead": surely gone. "unknown": on another host or in another container, where nothing can be seen from here. */
export type Life = "alive" | "dead" | "unknown";

const orNull = (read: () => string): string | null => {
  try {
    return read();
  } catch {
    return null;
  }
};

/** State and start of a process by /proc/<pid>/stat (proc(5), fields 3 and 22); null where there is no such process. */
function statOf(pid: number): { state: string; started: string } | null {
  const text = orNull(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // the name before it may hold anything
  return { state: fields[0]!, started: fields[19]! };
}

/** This process. */
export const thisProcess = (): ProcessIdentity => ({
  host: hostname(),
  boot: orNull(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
  namespace: orNull(() => readlinkSync("/proc/self/ns/pid")),
  pid: process.pid,
  started: statOf(process.pid)?.started ?? null,
});

/** Whether a process still runs, as far as this one can tell. */
export function lifeOf(other: ProcessIdentity): Life {
  const here = thisProcess();
  if (other.host !== here.host) return "unknown";
  if (other.boot !== here.boot) return "dead";
  if (other.namespace !== here.namespace) return "unknown";
  if (here.started === null) return answersSignals(other.pid) ? "alive" : "dead";
  const stat = statOf(other.pid);
  if (stat === null) return answersSignals(other.pid) ? "unknown" : "dead"; // /proc may hide what others run
  const ended = stat.state === "Z" || stat.state === "X";
  return !ended && stat.started === other.started ? "alive" : "dead";
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCodeOf(error) === "EPERM"; // there, but another user's
  }
}
