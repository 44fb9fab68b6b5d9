import { Command, Option } from "commander";
import { PenumbraError } from "../errors.js";
import { shellWord } from "../shell-word.js";
import { METHOD_NAMES, methodEntry } from "../training/method-catalog.js";
import type { TrainOptions } from "../training/train.js";
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

interface TrainArguments
  extends Omit<
    TrainOptions,
    "configFile" | "beginWith" | "signal" | "onStatus" | "onIteration" | "observer"
  > {
  readonly config?: string;
  readonly memoryLimit?: number;
  readonly listKeys?: true;
}

/** What a resumed run takes from its directory. */
const GIVEN_BY_THE_RUN = [
  "data",
  "out",
  "method",
  "init",
  "labeled",
  "preset",
  "config",
  "set",
  "precision",
  "memoryLimit",
];

export function trainCommand(): Command {
  return new Command("train")
    .description("Train a network on a data directory; makes a run directory.")
    .option("--data <dir>", "data directory")
    .option("--out <run>", "run directory to make")
    .addOption(new Option("--method <method>", "what to train").choices(METHOD_NAMES))
    .option("--labeled <n>", "use the labels of the first n training cases only", wholeNumber(1))
    .option("--init <run>", "start from the weights of a finished run, as far as it trained them")
    .option("--preset <name>", "starting point of the configuration (see --list-keys)")
    .option("--config <file>", "JSON file with configuration keys")
    .option("--set <key=value>", "one configuration key; may be given again", collected)
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .addOption(memoryOption())
    .addOption(cacheOption())
    .addOption(checksOption())
    .addOption(linksOption())
    .addOption(new Option("--resume <run>", "go on with a stopped run").conflicts(GIVEN_BY_THE_RUN))
    .option("--list-keys", "list presets and configuration keys, and stop")
    .action(runTrain);
}

async function runTrain({ config, listKeys, memoryLimit, ...options }: TrainArguments): Promise<void> {
  if (listKeys) return printKeys();
  const [{ train }, { isRun, readRun }, { watchFixedCases }] = await Promise.all([
    import("../training/train.js"),
    import("../training/run-directory.js"),
    import("../inference/fixed-cases.js"),
  ]);
  const dir = options.resume ?? options.out;
  const progress = await progressOf(() => (dir ? readRun(dir).config.log.every : 1));
  const { signal, release } = stopOnSignal(AFTER_ITERATION, (line) => progress.note(line));
  const run = await train({
    ...options,
    ...withMemoryLimit(options.set, memoryLimit),
    configFile: config,
    observer: watchFixedCases,
    signal,
    onStatus: (line) => progress.note(line),
    onIteration: (report) => progress.update(report),
  })
    .catch((error) => {
      throw error instanceof PenumbraError && error.code === "interrupted" && dir && isRun(dir)
        ? new PenumbraError(
            error.code,
            `${error.message}; go on with: penumbra train --resume ${shellWord(dir)}`,
          )
        : error;
    })
    .finally(() => {
      release();
      progress.end();
    });
  status(`trained: ${run}`);
  const { config: trained, run: record } = readRun(run);
  const { data } = record;
  status(
    methodEntry(trained.method).segments
      ? `next: penumbra evaluate --run ${shellWord(run)} --data ${shellWord(data)}`
      : `next: penumbra train --init ${shellWord(run)} --data ${shellWord(data)} --method METHOD --out RUN, with the same model.* keys`,
  );
}

async function printKeys(): Promise<void> {
  const [{ describeConfigKeys }, { PRESETS }] = await Promise.all([
    import("../training/config.js"),
    import("../training/presets.js"),
  ]);
  const presets = Object.entries(PRESETS).map(([name, { summary }]) => `  ${name.padEnd(14)} ${summary}`);
  process.stdout.write(`Presets\n${presets.join("\n")}\n\nKeys [default]\n${describeConfigKeys()}\n`);
}
