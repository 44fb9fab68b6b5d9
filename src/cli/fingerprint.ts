import { Command } from "commander";
import { cacheOption, linksOption, status, wholeNumber, workersOption } from "./options.js";

interface FingerprintArguments {
  readonly data: string;
  readonly labeled?: number;
  readonly cache: string;
  readonly workers: number;
  readonly json?: true;
  readonly allowLinks?: true;
}

export function fingerprintCommand(): Command {
  return new Command("fingerprint")
    .description(
      "Look at a data directory: shapes, voxel sizes, intensities, classes, and what is odd about it.",
    )
    .requiredOption("--data <dir>", "data directory")
    .option("--labeled <n>", "count the first n labels only, as train does", wholeNumber(1))
    .addOption(cacheOption())
    .addOption(workersOption())
    .addOption(linksOption())
    .option("--json", "print everything as JSON instead of a table")
    .action(runFingerprint);
}

async function runFingerprint({
  data,
  labeled,
  cache,
  workers,
  json,
  allowLinks,
}: FingerprintArguments): Promise<void> {
  const [{ openDataset }, { fingerprintOf }, { suspicionsOf }, { caseProgress }] = await Promise.all([
    import("../data/dataset.js"),
    import("../data/fingerprint.js"),
    import("../data/suspicions.js"),
    import("../training/training-data.js"),
  ]);
  const { toFingerprintTable } = await import("../data/fingerprint-table.js");
  const dataset = await openDataset(data, {
    labeled,
    allowLinks: allowLinks ?? false,
  });
  const onProgress = caseProgress("looked at", status);
  const fingerprint = await fingerprintOf(dataset, { cache, workers, onProgress });
  const suspicions = suspicionsOf(fingerprint, { scaledPerCase: true, resampled: false });
  process.stdout.write(
    json
      ? `${JSON.stringify({ ...fingerprint, suspicions }, null, 2)}\n`
      : toFingerprintTable(fingerprint, suspicions),
  );
}
