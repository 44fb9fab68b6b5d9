import { Command, Option } from "commander";
import type { EvaluateOptions } from "../inference/evaluate.js";
import { shellWord } from "../shell-word.js";
import { deviceOption, linksOption, precisionOption, status, threadsOption } from "./options.js";
import { stopOnSignal } from "./stop-on-signal.js";

type EvaluateArguments = Omit<EvaluateOptions, "command" | "signal" | "onStatus"> & { readonly json?: true };

export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description("Score a run against labels: Dice, Jaccard and surface distances of every case.")
    .requiredOption("--run <run>", "run directory")
    .requiredOption("--data <dir>", "data directory")
    .addOption(
      new Option(
        "--split <split>",
        "cases to score: the data's test cases, or those of the run's training with or without their labels, where the data has them",
      )
        .choices(["test", "labeled", "unlabeled"])
        .default("test"),
    )
    .option(
      "--out <dir>",
      "new directory for label maps, scores and a report (left out: inside the run, instead of what an earlier one left there)",
    )
    .addOption(linksOption())
    .option("--no-uncertainty", "leave the uncertainty maps out of the report")
    .option("--json", "print the scores as JSON instead of a table")
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .action(runEvaluate);
}

async function runEvaluate({ json, ...options }: EvaluateArguments): Promise<void> {
  const [{ evaluate }, { toTable }] = await Promise.all([
    import("../inference/evaluate.js"),
    import("../metrics/score-table.js"),
  ]);
  const command = ["penumbra", ...process.argv.slice(2).map(shellWord)].join(" ");
  const { signal, release } = stopOnSignal("stopping after this case", status);
  const evaluation = await evaluate({ ...options, command, signal, onStatus: status }).finally(release);
  process.stdout.write(json ? `${JSON.stringify(evaluation, null, 2)}\n` : toTable(evaluation));
}
