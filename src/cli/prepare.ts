import { Command, Option } from "commander";
import { shellWord } from "../shell-word.js";
import type { Config } from "../training/config.js";
import { METHOD_NAMES } from "../training/method-catalog.js";
import {
  cacheOption,
  checksOption,
  collected,
  linksOption,
  memoryOption,
  status,
  wholeNumber,
  withMemoryLimit,
  workersOption,
} from "./options.js";
import { stopOnSignal } from "./stop-on-signal.js";

interface PrepareArguments {
  readonly recipe?: string;
  readonly in?: string;
  readonly out?: string;
  readonly testList?: string;
  readonly data?: string;
  readonly labeled?: number;
  readonly method?: Config["method"];
  readonly preset?: string;
  readonly set?: readonly string[];
  readonly cache: string;
  readonly workers: number;
  readonly memoryLimit?: number;
  readonly skipChecks?: true;
  readonly allowLinks?: true;
}

const OF_A_RECIPE = ["in", "out", "testList"];
const OF_A_SET = ["data", "labeled", "method", "preset", "cache", "memoryLimit", "skipChecks"];

export function prepareCommand(): Command {
  return new Command("prepare")
    .description("Make a data directory from raw downloads, or prepare one ahead of training.")
    .addOption(
      new Option("--recipe <name>", "which data set it is")
        .choices(["la", "pancreas", "colon", "decathlon"])
        .conflicts(OF_A_SET),
    )
    .addOption(new Option("--in <raw>", "what its owners hand out: a folder, or a Decathlon task's .tar"))
    .option("--out <dir>", "data directory to make; a stopped one is gone on with")
    .option("--test-list <file>", "names of the test cases, one a line, instead of the recipe's own split")
    .addOption(
      new Option("--data <dir>", "a data directory: fill the cache as train would").conflicts(OF_A_RECIPE),
    )
    .option("--labeled <n>", "use the labels of the first n training cases only", wholeNumber(1))
    .addOption(new Option("--method <method>", "what it is prepared for").choices(METHOD_NAMES))
    .option("--preset <name>", "whose settings (without one they are derived from the data)")
    .option(
      "--set <key=value>",
      "one configuration key, such as data.spacingMm=[1,1,1]; may be given again",
      collected,
    )
    .addOption(cacheOption())
    .addOption(workersOption())
    .addOption(memoryOption())
    .addOption(checksOption())
    .addOption(linksOption())
    .action(runPrepare);
}

async function runPrepare(options: PrepareArguments): Promise<void> {
  const { signal, release } = stopOnSignal("stopping; what is done is kept", status);
  try {
    await (options.data ? fillCache(options, options.data, signal) : useRecipe(options, signal));
  } finally {
    release();
  }
}

async function useRecipe(options: PrepareArguments, signal: AbortSignal): Promise<void> {
  const [{ badInput }, { prepareRecipe, RECIPES }, { caseProgress }] = await Promise.all([
    import("../errors.js"),
    import("../recipes/prepare-recipe.js"),
    import("../training/training-data.js"),
  ]);
  const { recipe, in: raw, out, testList, set, allowLinks } = options;
  if (!recipe)
    throw badInput("--recipe is missing, or --data: say what is prepared (penumbra prepare --help)");
  if (!raw) throw badInput("--in is missing: name what the data's owners hand out, a folder or a .tar");
  if (!out) throw badInput("--out is missing: name a directory for the prepared set");
  const made = await prepareRecipe({
    recipe,
    raw,
    out,
    testList,
    set,
    allowLinks,
    workers: options.workers,
    signal,
    onStatus: status,
    onProgress: caseProgress("prepared", status),
  });
  status(`prepared: ${out} (${made} cases made, the others were there)`);
  const preset = RECIPES[recipe]?.preset;
  status(
    `next: penumbra train --data ${shellWord(out)}${preset ? ` --preset ${preset}` : ""} --labeled N --out RUN`,
  );
}

async function fillCache(
  { set, memoryLimit, ...options }: PrepareArguments,
  data: string,
  signal: AbortSignal,
): Promise<void> {
  const { prepareData } = await import("../training/prepare-data.js");
  const { labeled, unlabeled, dataset, cache } = await prepareData({
    ...options,
    ...withMemoryLimit(set, memoryLimit),
    data,
    signal,
    onStatus: status,
  });
  const count = labeled.length + unlabeled.length;
  status(`prepared: ${count} training cases of ${dataset.dir} in ${cache}`);
}
