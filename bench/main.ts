// npm run bench -- step|methods|prototypes|inference|losses|metrics|loader|data|viewer [--json]
import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { checkDevice, resolvePrecision } from "#dist/engine/device.js";
import { flushDenormals, libtorchFacts, setThreads } from "#dist/engine/libtorch.js";
import { type PartialConfig, resolveConfig } from "#dist/training/config.js";
import { METHOD_NAMES, type MethodName } from "#dist/training/method-catalog.js";
import type { Triple } from "#dist/volume/volume.js";
import { benchGrowth } from "./growth.js";
import { benchInference } from "./inference.js";
import { benchLoader } from "./loader.js";
import { benchLosses } from "./losses.js";
import { peakRssGb } from "./measure.js";
import { benchMethod } from "./methods.js";
import { benchMetrics } from "./metrics.js";
import { benchPrepareScan } from "./prepare-scan.js";
import { benchPrototypes } from "./prototypes.js";
import { benchReadScan } from "./read-scan.js";
import { benchStep } from "./step.js";
import { benchViewer } from "./viewer.js";

const numbers = (text: string) => text.split(",").map(Number);

/** "80,112,112" -> [80, 112, 112] */
function triple(text: string): Triple {
  const sizes = text.split(",").map(Number);
  if (sizes.length === 3 && sizes.every((n) => Number.isInteger(n) && n > 0))
    return sizes as unknown as Triple;
  throw new InvalidArgumentError("expected three whole numbers D,H,W");
}

/** Of a run that asks for none: bf16 only where the processor has it, since emulated it takes many times as long. */
const precisionOption = () =>
  new Option("--precision <precision>", "auto: bf16 where the device has it, else fp32")
    .choices(["auto", "bf16", "fp32"])
    .default("auto");

/** A device that is there. */
function presentDevice(text: string): string {
  try {
    return checkDevice(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
const FULL: Triple = [80, 112, 112];

/** Figures, and what the measuring process was: its largest memory and its libtorch, where they do not say it themselves. */
function print(measured: object, json: boolean | undefined): void {
  const figures = { peakRssGb: peakRssGb(), libtorch: libtorchFacts().version, ...measured };
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

/** Names as a column, numbers as another. */
const cell = (value: string | number) =>
  typeof value === "number" ? value.toFixed(3).padStart(8) : value.padEnd(18);

const program = new Command("bench").description("Measures this machine: medians of repeats, side by side.");

/** A measurement with the options that all share. */
const measurement = (name: string, description: string, repeats: number) =>
  program
    .command(name)
    .description(description)
    .option("--repeats <n>", "rounds", Number, repeats)
    .option("--json", "one line of JSON");

measurement("step", "a training step of AUA beside the bare network's work", 5)
  .addOption(new Option("--stage <n>", "stage 1 or 2").choices(["1", "2"]).default("1"))
  .option("--patch <D,H,W>", "patch size", triple, FULL)
  .addOption(precisionOption())
  .option("--device <device>", "cpu, cuda or cuda:N", presentDevice, "cpu")
  .option("--anchors <n>", "anchors of the contrast, per patch", Number, 9000)
  .option("--samples <n>", "samples of each distribution", Number, 6)
  .option("--classes <n>", "classes", Number, 2)
  .option("--recompute <levels>", "levels of features found again instead of kept", Number, 0)
  .option("--parts <n>", "parts that a batch is worked off in", Number, 1)
  .action(
    ({ json, stage, patch, classes, samples, anchors, recompute, parts, device, precision, repeats }) => {
      const file: PartialConfig = {
        device,
        data: { patchSize: patch },
        model: { classes },
        stage1: { samples, contrast: { anchors } },
        memory: { recomputeLevels: recompute, parts },
      };
      const config = resolveConfig({ file });
      const on = { stage: Number(stage) as 1 | 2, precision: resolvePrecision(precision, device) };
      print(benchStep({ config, ...on, repeats }), json);
    },
  );

measurement(
  "methods",
  "processor seconds of a step of every stage of every method, over the supervised baseline's",
  5,
)
  .option("--methods <a,b,c>", "only these", (text) => text.split(",") as MethodName[], METHOD_NAMES)
  .option("--preset <name>", "configuration", "la-half")
  .addOption(precisionOption())
  .action(({ json, precision, ...options }) => {
    const on = { precision: resolvePrecision(precision, "cpu") };
    for (const method of options.methods as MethodName[])
      for (const cost of benchMethod({ ...options, ...on, method }))
        process.stdout.write(`${json ? JSON.stringify(cost) : Object.values(cost).map(cell).join("  ")}\n`);
  });

measurement("growth", "how a step grows with voxels, anchors, samples and classes; draws pictures", 3)
  .option("--out <dir>", "where the pictures go", "docs/images")
  .action(({ json, out, repeats }) => {
    const say = (line: string) => void process.stderr.write(`${line}\n`);
    const rows = benchGrowth(out, repeats, say);
    process.stdout.write(json ? `${JSON.stringify(rows)}\n` : "");
  });

program
  .command("prototypes")
  .description("what the temperature does to the prototype contrast: value and gradient")
  .option("--preset <name>", "configuration", "phantom")
  .option("--steps <n>", "steps of supervised training first", Number, 60)
  .option("--temperatures <a,b,c>", "temperatures", numbers, [100, 10, 1, 0.5, 0.1])
  .action((options) => {
    for (const figures of benchPrototypes(options)) process.stdout.write(`${JSON.stringify(figures)}\n`);
  });

measurement("inference", "a volume by sliding window beside one forward pass", 3)
  .option("--shape <D,H,W>", "volume", triple, [88, 142, 192])
  .option("--patch <D,H,W>", "window", triple, FULL)
  .option("--stride <D,H,W>", "stride", triple, [4, 18, 18])
  .addOption(precisionOption())
  .action(({ json, patch, stride, precision, ...options }) => {
    const file: PartialConfig = { data: { patchSize: patch }, inference: { stride } };
    const on = { precision: resolvePrecision(precision, "cpu") };
    print(benchInference({ config: resolveConfig({ file }), ...on, ...options }), json);
  });

measurement("losses", "the losses that cost something, forward and backward", 5)
  .option("--patch <D,H,W>", "patch size", triple, FULL)
  .option("--anchors <n>", "anchors of the contrast", Number, 9000)
  .option("--samples <n>", "samples of each distribution", Number, 6)
  .option("--classes <n>", "classes", Number, 2)
  .action(({ json, ...options }) => print(benchLosses(options), json));

measurement("metrics", "Dice, Jaccard, 95HD and ASD of one pair of label maps", 5)
  .option("--shape <D,H,W>", "label maps", triple, [200, 512, 512])
  .action(({ json, ...options }) => print(benchMetrics(options), json));

measurement("loader", "how long a trainer waits for its batches", 20)
  .option("--patch <D,H,W>", "patch size", triple, FULL)
  .option("--step-seconds <s>", "length of a step", Number, 3)
  .action(async ({ json, ...options }) => print(await benchLoader(options), json));

measurement(
  "data",
  "reading, preparing and resampling a CT, patches of stored ones: seconds and peak memory",
  3,
)
  .option("--shape <D,H,W>", "volume", triple, [300, 512, 512])
  .addOption(new Option("--part <part>", "what of it").choices(["all", "read", "prepare"]).default("all"))
  .action(async ({ json, part, ...options }) => {
    const read = part === "prepare" ? {} : benchReadScan(options);
    print({ ...read, ...(part === "read" ? {} : await benchPrepareScan(options)) }, json);
  });

measurement("viewer", "opening a CT in the viewer: server, first picture, whole image", 3)
  .option("--shape <D,H,W>", "volume", triple, [300, 512, 512])
  .action(async ({ json, ...options }) => print(await benchViewer(options), json));

setThreads(0, availableParallelism());
flushDenormals();
await program.parseAsync();
