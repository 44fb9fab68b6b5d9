import { Command, Option } from "commander";
import { METHOD_NAMES } from "../training/method-catalog.js";
import type { TrainOptions } from "../training/train.js";
import type { IterationReport } from "../training/trainer.js";
import { collected, deviceOption, precisionOption, status, wholeNumber } from "./options.js";

interface TrainArguments
  extends Pick<TrainOptions, "data" | "out" | "method" | "labeled" | "preset" | "set"> {
  readonly resume?: string;
  readonly config?: string;
  readonly device?: string;
  readonly precision?: TrainOptions["precision"];
  readonly listKeys?: true;
}

/** What a resumed run takes from its directory. */
const GIVEN_BY_THE_RUN = ["data", "out", "method", "labeled", "preset", "config", "set", "precision"];

export function trainCommand(): Command {
  return new Command("train")
    .description("Train a network on a data directory; makes a run directory.")
    .option("--data <dir>", "data directory")
    .option("--out <run>", "run directory to make")
    .addOption(new Option("--method <method>", "what to train").choices(METHOD_NAMES))
    .option("--labeled <n>", "use the labels of the first n training cases only", wholeNumber(1))
    .option("--preset <name>", "starting point of the configuration (see --list-keys)")
    .option("--config <file>", "JSON file with configuration keys")
    .option("--set <key=value>", "one configuration key; may be given again", collected)
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(new Option("--resume <run>", "go on with a stopped run").conflicts(GIVEN_BY_THE_RUN))
    .option("--list-keys", "list presets and configuration keys, and stop")
    .action(runTrain);
}

async function runTrain({ config, listKeys, ...options }: TrainArguments): Promise<void> {
  if (listKeys) return printKeys();
  const { train } = await import("../training/train.js");
  const progress = await progressOf(options.resume ?? options.out);
  const { signal, release } = stopOnSignal((line) => progress.note(line));
  const run = await train({
    ...options,
    configFile: config,
    signal,
    onStatus: (line) => progress.note(line),
    onIteration: (report) => progress.update(report),
  }).finally(() => {
    release();
    progress.end();
  });
  status(`trained: ${run}`);
  status(`next: penumbra evaluate --run ${run} --data ${options.data ?? "DIR"}`);
}

/** A progress display that learns from the run's own config how often a line is wanted. */
async function progressOf(runDir: string | undefined) {
  const [{ Progress }, { readRun }] = await Promise.all([
    import("../training/progress.js"),
    import("../training/run-directory.js"),
  ]);
  const before = new Progress({ stream: process.stderr, everyIterations: 1 });
  let shown = before;
  return {
    note: (line: string) => shown.note(line),
    end: () => shown.end(),
    update(report: IterationReport) {
      if (shown === before) {
        const everyIterations = runDir ? readRun(runDir).config.log.every : 1;
        shown = new Progress({ stream: process.stderr, everyIterations });
      }
      shown.update(report);
    },
  };
}

/** `signal` is aborted by the first interrupt, so that the run can save; the second one ends the process at once. */
function stopOnSignal(say: (line: string) => void) {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const release = () => {
    for (const name of names) process.removeListener(name, stop);
  };
  const stop = () => {
    release();
    say("stopping after this iteration, to save; once more to stop at once");
    controller.abort();
  };
  for (const name of names) process.on(name, stop);
  return { signal: controller.signal, release };
}

async function printKeys(): Promise<void> {
  const [{ describeConfigKeys }, { PRESETS }] = await Promise.all([
    import("../training/config.js"),
    import("../training/presets.js"),
  ]);
  const presets = Object.entries(PRESETS).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`);
  process.stdout.write(`Presets\n${presets.join("\n")}\n\nKeys [default]\n${describeConfigKeys()}\n`);
}
