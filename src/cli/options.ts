import { availableParallelism } from "node:os";
import { InvalidArgumentError, Option } from "commander";
import { defaultCacheDir } from "../data/cache-directory.js";
import { printable } from "../errors.js";

/** "3" -> 3; refuses what is no whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`expected a whole number, at least ${least}`);
  };
}

/** "1.5" -> 1.5; refuses what is no number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("expected a number above 0");
}

/** Gathers an option that may be given again and again. */
export const collected = (value: string, before: readonly string[] = []): string[] => [...before, value];

export const deviceOption = () => new Option("--device <device>", "cpu, cuda, cuda:N or mps");
export const precisionOption = () =>
  new Option("--precision <precision>", "arithmetic of the network").choices(["auto", "fp32", "bf16"]);

export const checksOption = () =>
  new Option("--skip-checks", "go on although the checks of the data would refuse");

export const memoryOption = () =>
  new Option(
    "--memory-limit <gb>",
    "memory that a training step may take, in 10^9 bytes; left out: nine tenths of what is free",
  ).argParser(positiveNumber);

/** What --memory-limit adds to --set. */
export const withMemoryLimit = (set: readonly string[] = [], gb?: number) => ({
  set: gb === undefined ? set : [...set, `memory.limitGb=${gb}`],
});

/** Where prepared cases are kept between runs. */
export const cacheOption = () =>
  new Option("--cache <dir>", "where prepared cases are kept for later runs").default(
    defaultCacheDir(),
    "$XDG_CACHE_HOME/penumbra or ~/.cache/penumbra",
  );

/** Cases that are read side by side. */
export const workersOption = () =>
  new Option("--workers <n>", "threads, each with a case; 0: one case after another")
    .argParser(wholeNumber(0))
    .default(availableParallelism(), "one for each core, as far as memory allows");
export const threadsOption = () =>
  new Option(
    "--threads <n>",
    "threads of the engine (left out: as configured, else one for each core)",
  ).argParser(wholeNumber(1));
export const linksOption = () =>
  new Option("--allow-links", "follow symbolic links that lead out of the data directory");

/** A line about what is being done; standard output is left to results. */
export const status = (line: string): void => void process.stderr.write(`${printable(line)}\n`);
