import { Command, InvalidArgumentError, Option } from "commander";
import type { PredictOptions } from "../inference/predict.js";
import { deviceOption, precisionOption, status, threadsOption, wholeNumber } from "./options.js";
import { stopOnSignal } from "./stop-on-signal.js";

/** The library's options under the names of the command's. */
type PredictArguments = Omit<PredictOptions, "images" | "signal" | "onWritten" | "onStatus">;

const PROBABILITIES = ["float32", "int16"];

/** The option takes what follows it, which may be a scan. */
function probabilityType(text: string): string {
  if (PROBABILITIES.includes(text)) return text;
  throw new InvalidArgumentError(
    `expected ${PROBABILITIES.join(" or ")}; name the scans before it, or write --probabilities=${PROBABILITIES[0]}`,
  );
}

export function predictCommand(): Command {
  return new Command("predict")
    .description("Segment scans that nobody has labeled.")
    .argument(
      "<image...>",
      "scans: NIfTI, NRRD, MetaImage, the literature's left-atrium .h5, PNG, TIFF, or a folder with one DICOM series; of a run with several channels the files of each scan one after another, or 4-D files",
    )
    .requiredOption("--run <run>", "run directory")
    .requiredOption("--out <dir>", "where label maps go, one for each image")
    .addOption(
      new Option(
        "--format <format>",
        "what to write (left out: as the scan, NIfTI where that can't be)",
      ).choices(["nifti", "nrrd", "mha", "dicom-seg"]),
    )
    .addOption(
      new Option("--probabilities [type]", "write the probabilities of each class too")
        .choices(PROBABILITIES)
        .argParser(probabilityType)
        .preset("float32"),
    )
    .option("--uncertainty", "write a map of the voxels' entropy too")
    .option(
      "--samples <n>",
      "write so many segmentations that the model thinks possible too, an even number",
      wholeNumber(2),
    )
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .action(runPredict);
}

async function runPredict(images: string[], options: PredictArguments): Promise<void> {
  const { predict } = await import("../inference/predict.js");
  const { signal, release } = stopOnSignal("stopping after this scan", status);
  const onWritten = (path: string) => void process.stdout.write(`${path}\n`);
  await predict({ ...options, images, signal, onWritten, onStatus: status }).finally(release);
}
