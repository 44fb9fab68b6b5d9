import { Command } from "commander";
import type { RankOptions } from "../inference/rank.js";
import { deviceOption, linksOption, precisionOption, status, threadsOption } from "./options.js";

type RankArguments = Omit<RankOptions, "onStatus"> & { readonly json?: true };

export function rankCommand(): Command {
  return new Command("rank")
    .description("Rank unlabeled cases by uncertainty: the first ones are worth labeling next.")
    .requiredOption("--run <run>", "run directory; the ranking is kept in it")
    .option("--data <dir>", "data directory (left out: the one the run was trained on)")
    .option("--json", "print the ranking as JSON")
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .addOption(linksOption())
    .action(runRank);
}

async function runRank({ json, ...options }: RankArguments): Promise<void> {
  const { rank } = await import("../inference/rank.js");
  const ranking = await rank({ ...options, onStatus: status });
  if (json) return void process.stdout.write(`${JSON.stringify(ranking, null, 2)}\n`);
  status(ranking.rule);
  for (const { id, value } of ranking.cases) process.stdout.write(`${value.toFixed(4)}  ${id}\n`);
}
