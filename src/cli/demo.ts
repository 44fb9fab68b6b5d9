import { Command } from "commander";
import type { DemoResult } from "../demo/demo.js";
import { status, wholeNumber } from "./options.js";
import { stopOnSignal } from "./stop-on-signal.js";

interface DemoArguments {
  readonly out: string;
  readonly seed: number;
}

export function demoCommand(): Command {
  return new Command("demo")
    .description("Train and score both methods on made-up scans; takes a few minutes and needs no data.")
    .option("--out <dir>", "directory of the demo; an earlier demo's is replaced", "runs/demo")
    .option("--seed <n>", "seed of the made-up scans and of both trainings", wholeNumber(0), 0)
    .action(runDemoCommand);
}

const EVERY_ITERATIONS = 25;

async function runDemoCommand({ out, seed }: DemoArguments): Promise<void> {
  const [{ runDemo }, { Progress }, { toTable }] = await Promise.all([
    import("../demo/demo.js"),
    import("../training/progress.js"),
    import("../metrics/score-table.js"),
  ]);
  const progress = new Progress({ stream: process.stderr, everyIterations: EVERY_ITERATIONS });
  const { signal, release } = stopOnSignal("stopping after this step", (line) => progress.note(line));
  try {
    const result = await runDemo({
      out,
      seed,
      signal,
      onStatus: (line) => progress.note(line),
      onIteration: (report) => progress.update(report),
    });
    for (const [name, evaluation] of [
      ["supervised", result.supervised],
      ["AUA", result.aua],
    ] as const)
      process.stdout.write(`\n${name}\n${toTable(evaluation)}`);
    process.stdout.write(comparisonOf(result));
    status(`done in ${Math.round(result.seconds)} s`);
  } finally {
    release();
    progress.end();
  }
}

/** "mean Dice: supervised 81.23 %, AUA 86.45 %", and where the report is. */
function comparisonOf({ supervised, aua, report }: DemoResult): string {
  const percent = (dice: number) => `${(100 * dice).toFixed(2)} %`;
  return `\nmean Dice: supervised ${percent(supervised.mean.dice)}, AUA ${percent(aua.mean.dice)}\nreport: ${report}\n`;
}
