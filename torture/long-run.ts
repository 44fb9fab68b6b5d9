import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./program.js";
import { trainArguments } from "./tiny-run.js";

export interface LongRun {
  readonly steps: number;
  /** Largest resident memory in MB over the first quarter of the steps, and after it. */
  readonly earlyMb: number;
  readonly lateMb: number;
}

/** Resident memory of a process in MB, by /proc (Linux). */
async function residentMb(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kb = /VmRSS:\s+(\d+) kB/.exec(text)?.[1];
  return kb ? Math.round(Number(kb) / 1024) : null;
}

/** Trains stage 1 for many small steps and watches the process's memory. */
export async function longRun(data: string, run: string, steps: number): Promise<LongRun> {
  const figures = { steps, earlyMb: 0, lateMb: 0 };
  const settings = [`stage1.iterations=${steps}`, "prototypes.iterations=1", "stage2.iterations=1"];
  let timer: NodeJS.Timeout | undefined;
  const look = async (pid: number) => {
    const log = join(run, "log.jsonl");
    const done = existsSync(log) ? (await readFile(log, "utf8")).split("\n").length - 1 : 0;
    const mb = await residentMb(pid);
    const part = done <= steps / 4 ? "earlyMb" : "lateMb";
    figures[part] = Math.max(figures[part], mb ?? 0);
  };
  const { code, stderr } = await runProgram(
    trainArguments(data, run, [...settings, "checkpoint.every=200"]),
    {
      onStart: (child) => {
        timer = setInterval(() => void look(child.pid!), 500);
      },
    },
  );
  clearInterval(timer);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return figures;
}
