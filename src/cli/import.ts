import { Command, Option } from "commander";
import { shellWord } from "../shell-word.js";
import type { ImportReport } from "../weights/import-weights.js";
import { shown } from "../weights/shown.js";
import type { SpatialAxes } from "../weights/spatial-axes.js";
import { collected, status } from "./options.js";

interface ImportArguments {
  readonly out: string;
  readonly preset?: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly key?: string;
  readonly axes?: SpatialAxes;
  readonly classes?: string;
  readonly stage?: "1" | "2";
  readonly strict?: true;
  readonly json?: true;
}

export const axesOption = (description: string) =>
  new Option("--axes <order>", description).choices(["xyz", "zyx"]);

export function importCommand(): Command {
  return new Command("import")
    .description("Bring weights of the published networks into a run; nothing in the file is executed.")
    .argument("<file>", "PyTorch checkpoint (.pth, .pt) or .safetensors")
    .requiredOption("--out <run>", "run directory to make, or a new file that ends in .safetensors")
    .option("--preset <name>", "how data are prepared for these weights (see train --list-keys)")
    .option("--config <file>", "JSON file with configuration keys")
    .option("--set <key=value>", "one configuration key; may be given again", collected)
    .option("--key <prefix>", "which network, where the file holds several")
    .addOption(axesOption("order of the file's spatial axes (left out: as it says, else xyz)"))
    .option("--classes <names>", "names of the classes, background first, with commas between them")
    .addOption(new Option("--stage <n>", "AUA's stage: 1 learned uncertainty, 2 did not").choices(["1", "2"]))
    .option("--strict", "refuse a file that lacks a tensor or has one too many")
    .option("--json", "print what matched as JSON")
    .action(runImport);
}

async function runImport(
  file: string,
  { config, classes, stage, json, ...options }: ImportArguments,
): Promise<void> {
  const [{ importWeights }, { readConfigFile }] = await Promise.all([
    import("../weights/import-weights.js"),
    import("../training/config-file.js"),
  ]);
  const report = importWeights({
    ...options,
    file,
    ...(config && { config: readConfigFile(config) }),
    ...(classes && { classNames: classes.split(",").map((name) => name.trim()) }),
    ...(stage && { stage: Number(stage) as 1 | 2 }),
  });
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
  if (!/\.safetensors$/i.test(options.out)) {
    status(`next: penumbra predict SCAN --run ${shellWord(options.out)} --out DIR`);
  }
}

const some = (names: readonly string[]): string =>
  names.length === 0
    ? "none"
    : `${names.length}: ${names.slice(0, 4).join(", ")}${names.length > 4 ? ", …" : ""}`;

function textOf({ network, ...report }: ImportReport): string {
  const { kind, classes, filters, rank, normalization } = network;
  const heads =
    kind === "aua" ? `AUA's heads, rank ${rank}` : "no heads: its out_conv becomes the mean logits";
  const rows = {
    file: `${report.form}${report.prefix ? `, names under "${shown(report.prefix)}"` : ""}`,
    network: `V-Net, ${filters} filters, ${normalization} normalization, ${classes} classes, ${heads}`,
    axes: report.axes === "xyz" ? "(x, y, z), reversed to (z, y, x)" : "(z, y, x), as they are",
    matched: `${report.matched} of ${report.total} tensors`,
    missing: `${some(report.missing)}${report.missing.length > 0 ? " (not used by predict; zero)" : ""}`,
    "left over": some(report.leftOver),
    ...(report.outside > 0 && { outside: `${report.outside} tensors outside the network` }),
    written: report.written,
  };
  return Object.entries(rows)
    .map(([name, text]) => `${name.padEnd(10)} ${text}\n`)
    .join("");
}
