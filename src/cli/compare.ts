import { Command } from "commander";
import type { CompareOptions } from "../compare/compare.js";
import {
  cacheOption,
  checksOption,
  collected,
  deviceOption,
  linksOption,
  memoryOption,
  precisionOption,
  status,
  threadsOption,
  wholeNumber,
  withMemoryLimit,
} from "./options.js";
import { AFTER_ITERATION, stopOnSignal } from "./stop-on-signal.js";
import { progressOf } from "./training-progress.js";

interface CompareArguments
  extends Omit<CompareOptions, "configFile" | "signal" | "onStatus" | "onIteration"> {
  readonly config?: string;
  readonly memoryLimit?: number;
}

const EVERY_ITERATIONS = 50;

const names = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

export function compareCommand(): Command {
  return new Command("compare")
    .description("Train several methods with several seeds, score their last checkpoints and compare them.")
    .requiredOption("--data <dir>", "data directory")
    .requiredOption("--methods <a,b,c>", "methods to compare (see penumbra methods)", names)
    .requiredOption("--out <dir>", "directory of the comparison; an earlier one's goes on where it stopped")
    .option("--labeled <n>", "use the labels of the first n training cases only", wholeNumber(1))
    .option("--seeds <n>", "seeds of each method, from the first on", wholeNumber(1), 3)
    .option(
      "--first-seed <n>",
      "the first of them; runs of other seeds may come from another machine (docs/methods.md)",
      wholeNumber(0),
      0,
    )
    .option("--init <run>", "start every method from the weights of a finished run")
    .option("--preset <name>", "starting point of the configuration (see penumbra train --list-keys)")
    .option("--config <file>", "JSON file with configuration keys")
    .option(
      "--set <key=value>",
      "one configuration key, as schedule.scale=0.2; may be given again",
      collected,
    )
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .addOption(memoryOption())
    .addOption(cacheOption())
    .addOption(checksOption())
    .addOption(linksOption())
    .action(runCompare);
}

async function runCompare({ config, memoryLimit, ...options }: CompareArguments): Promise<void> {
  const [{ compare }, { comparisonMarkdown }] = await Promise.all([
    import("../compare/compare.js"),
    import("../compare/comparison-table.js"),
  ]);
  const progress = await progressOf(() => EVERY_ITERATIONS);
  const { signal, release } = stopOnSignal(AFTER_ITERATION, (line) => progress.note(line));
  const comparison = await compare({
    ...options,
    ...withMemoryLimit(options.set, memoryLimit),
    configFile: config,
    signal,
    onStatus: (line) => progress.note(line),
    onIteration: (report) => progress.update(report),
  }).finally(() => {
    release();
    progress.end();
  });
  process.stdout.write(comparisonMarkdown(comparison));
  status(`compared: ${options.out}`);
}
