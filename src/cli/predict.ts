import { Command } from "commander";
import { deviceOption, precisionOption, status } from "./options.js";

interface PredictArguments {
  readonly run: string;
  readonly out: string;
  readonly probabilities?: true;
  readonly uncertainty?: true;
  readonly device?: string;
  readonly precision?: "auto" | "fp32" | "bf16";
}

export function predictCommand(): Command {
  return new Command("predict")
    .description("Segment scans that nobody has labeled.")
    .argument(
      "<image...>",
      "scans: NIfTI (.nii, .nii.gz, .hdr with .img), or the literature's left-atrium .h5",
    )
    .requiredOption("--run <run>", "run directory")
    .requiredOption("--out <dir>", "where label maps go, one for each image")
    .option("--probabilities", "write the probabilities of each class too")
    .option("--uncertainty", "write a map of the voxels' entropy too")
    .addOption(deviceOption())
    .addOption(precisionOption())
    .action(runPredict);
}

async function runPredict(images: string[], options: PredictArguments): Promise<void> {
  const { predict } = await import("../inference/predict.js");
  const written = await predict({ ...options, images, onStatus: status });
  for (const path of written) process.stdout.write(`${path}\n`);
}
