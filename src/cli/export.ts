import { Command } from "commander";
import type { SpatialAxes } from "../weights/spatial-axes.js";
import { axesOption } from "./import.js";
import { status } from "./options.js";

interface ExportArguments {
  readonly run: string;
  readonly out: string;
  readonly axes: SpatialAxes;
}

export function exportCommand(): Command {
  return new Command("export")
    .description("Write a run's network as one .safetensors file, under the published names.")
    .requiredOption("--run <run>", "run directory")
    .requiredOption("--out <file>", "new file that ends in .safetensors")
    .addOption(axesOption("order of its spatial axes; xyz is the published networks'").default("zyx"))
    .action(runExport);
}

async function runExport({ run, out, axes }: ExportArguments): Promise<void> {
  const { exportWeights } = await import("../weights/export-weights.js");
  const count = exportWeights({ run, out, axes });
  status(`${count} tensors`);
  process.stdout.write(`${out}\n`);
}
