import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./program.js";
import { trainArguments } from "./tiny-run.js";

/** How often memory is looked at. */
export const EVERY_STEPS = 100;

/** Resident memory of a process in MB, by /proc (Linux). */
async function residentMb(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kb = /VmRSS:\s+(\d+) kB/.exec(text)?.[1];
  return kb ? Math.round(Number(kb) / 1024) : null;
}

/** Trains stage 1 for many small steps. Returns the process's resident memory in MB after every hundred of them. */
export async function longRun(data: string, run: string, steps: number): Promise<number[]> {
  const figures: number[] = [];
  const settings = [`stage1.iterations=${steps}`, "prototypes.iterations=1", "stage2.iterations=1"];
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  const look = async (pid: number) => {
    const log = join(run, "log.jsonl");
    const done = existsSync(log) ? (await readFile(log, "utf8")).split("\n").length - 1 : 0;
    if (done < (figures.length + 1) * EVERY_STEPS) return;
    const mb = await residentMb(pid);
    if (mb !== null) figures.push(mb);
  };
  const { code, stderr } = await runProgram(
    trainArguments(data, run, [...settings, "checkpoint.every=200"]),
    {
      onStart: (child) => {
        timer = setInterval(() => {
          if (looking) return;
          looking = true;
          void look(child.pid!).finally(() => {
            looking = false;
          });
        }, 200);
      },
    },
  );
  clearInterval(timer);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  if (figures.length > 1) return figures;
  throw new Error(`${steps} steps went by before memory could be looked at: try more (--steps)`);
}
