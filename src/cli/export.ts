import { Command } from "commander";
import type { ExportOptions } from "../weights/export-weights.js";
import { axesOption } from "./import.js";
import { status } from "./options.js";

export function exportCommand(): Command {
  return new Command("export")
    .description("Write a run's network as one .safetensors file, under the published names.")
    .requiredOption("--run <run>", "run directory")
    .requiredOption("--out <file>", "new file that ends in .safetensors")
    .addOption(axesOption("order of its spatial axes; xyz is the published networks'").default("zyx"))
    .action(runExport);
}

async function runExport(options: ExportOptions): Promise<void> {
  const { exportWeights } = await import("../weights/export-weights.js");
  const count = exportWeights(options);
  status(`${count} tensors`);
  process.stdout.write(`${options.out}\n`);
}
