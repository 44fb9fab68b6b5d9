// npm run bench -- step|inference|losses|metrics|loader [--json]
import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import { flushDenormals, setThreads } from "#dist/engine/libtorch.js";
import { type PartialConfig, resolveConfig } from "#dist/training/config.js";
import { benchStep } from "./step.js";

const numbers = (text: string) => text.split(",").map(Number);

function print(figures: object, json: boolean | undefined): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    return;
  }
  const text = (value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : String(value);
  const width = Math.max(...Object.keys(figures).map((key) => key.length));
  for (const [key, value] of Object.entries(figures))
    process.stdout.write(`${key.padEnd(width)}  ${text(value)}\n`);
}

const program = new Command("bench").description("Measures this machine: medians, side by side.");

program
  .command("step")
  .description("a training step of AUA beside the bare network's work")
  .addOption(new Option("--stage <n>", "stage 1 or 2").choices(["1", "2"]).default("1"))
  .option("--patch <D,H,W>", "patch size", numbers, [80, 112, 112])
  .addOption(new Option("--precision <precision>").choices(["bf16", "fp32"]).default("bf16"))
  .option("--anchors <n>", "anchors of the contrast, per patch", Number, 9000)
  .option("--samples <n>", "samples of each distribution", Number, 6)
  .option("--classes <n>", "classes", Number, 2)
  .option("--repeats <n>", "rounds", Number, 5)
  .option("--json", "one line of JSON")
  .action((options) => {
    const file: PartialConfig = {
      data: { patchSize: options.patch },
      model: { classes: options.classes },
      stage1: { samples: options.samples, contrast: { anchors: options.anchors } },
    };
    const { precision, repeats } = options;
    const figures = benchStep({
      config: resolveConfig({ file }),
      stage: Number(options.stage) as 1 | 2,
      precision,
      repeats,
    });
    print(figures, options.json);
  });

setThreads(0, availableParallelism());
flushDenormals();
await program.parseAsync();
