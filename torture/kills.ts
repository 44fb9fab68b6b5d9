import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "#dist/data/random.js";
import { type Ending, type Fault, runProgram } from "./program.js";
import { trainArguments } from "./tiny-run.js";

/** When a process is killed: at a call that changes files, or so many ms after its first line on standard error. */
export type Moment = { readonly call: number } | { readonly afterMs: number };

/** How long an undisturbed process lives. */
export interface Lifetime {
  readonly calls: number;
  readonly ms: number;
}

/** A moment somewhere in a lifetime; half of them at calls. */
export const randomMoment = (random: Random, { calls, ms }: Lifetime): Moment =>
  random.below(2) === 0 ? { call: 1 + random.below(calls) } : { afterMs: random.below(Math.ceil(ms)) };

/** Runs the program undisturbed and measures its life; it must succeed. */
export async function lifetimeOf(args: readonly string[]): Promise<Lifetime> {
  let start = 0;
  const { code, stderr } = await runProgram(args, {
    fault: {},
    onStart: (child) =>
      child.stderr!.once("data", () => {
        start = performance.now();
      }),
  });
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return { calls: Number(/fault: (\d+) calls/.exec(stderr)![1]), ms: performance.now() - start };
}

/** Runs the program and kills it at a moment, if it lives so long. */
export function runUntil(args: readonly string[], moment: Moment): Promise<Ending> {
  const fault: Fault = "call" in moment ? { kill: moment.call } : {};
  return runProgram(args, {
    fault,
    onStart: (child) => {
      if ("call" in moment) return;
      const kill = () => setTimeout(() => child.kill("SIGKILL"), moment.afterMs);
      child.stderr!.once("data", kill); // its first line: node is up, and the work begins
    },
  });
}

/** Where a kill struck, from the hook's last words or from what the log says. */
export function placeOf(run: string, { stderr }: Ending): string {
  const words = /fault: killed at call \d+, \w+ (\S+)/.exec(stderr)?.[1];
  if (words) {
    if (words.includes("/checkpoints/")) return "writing a checkpoint";
    if (words.includes("log.jsonl")) return "writing the log";
    if (words.includes("model.safetensors")) return "writing the model";
    if (words.includes("evaluation")) return "writing an evaluation";
    return "making or locking the run directory";
  }
  const log = existsSync(join(run, "log.jsonl")) ? readFileSync(join(run, "log.jsonl"), "utf8") : "";
  const lines = log.split("\n").slice(0, -1);
  const { stage, iteration } = lines.length > 0 ? JSON.parse(lines.at(-1)!) : { stage: null, iteration: 0 };
  if (stage === null) return "before the first iteration";
  const last: Record<string, number> = { stage1: 6, prototypes: 4, stage2: 6 };
  return iteration === last[stage] ? `after the last iteration of ${stage}` : `in ${stage}`;
}

/** Trains, with these settings too, killed at each of the moments and gone on with, to the end. Returns where the kills struck. */
export async function trainThroughKills(
  data: string,
  out: string,
  moments: readonly Moment[],
  settings: readonly string[] = [],
): Promise<string[]> {
  const args = () =>
    existsSync(join(out, "run.json")) ? ["train", "--resume", out] : trainArguments(data, out, settings);
  return throughKills(args, out, moments);
}

/** Runs a command, killed at each of the moments and run again, to its end. Returns where the kills struck. */
export async function throughKills(
  args: () => readonly string[],
  run: string,
  moments: readonly Moment[],
): Promise<string[]> {
  const places: string[] = [];
  for (const moment of moments) {
    const ending = await runUntil(args(), moment);
    if (ending.signal === "SIGKILL") places.push(placeOf(run, ending));
    else if (ending.code !== 0) throw new Error(`exit code ${ending.code}: ${ending.stderr}`);
  }
  const { code, stderr } = await runProgram(args());
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return places;
}
