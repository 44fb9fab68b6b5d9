import { Command } from "commander";
import type { Inspection } from "../volume/inspect.js";

export function inspectCommand(): Command {
  return new Command("inspect")
    .description(
      "Say what a scan or label map is: format, grid, intensities, labels, and what is odd about it.",
    )
    .argument(
      "<path>",
      "NIfTI, NRRD, MetaImage, DICOM file, the literature's .h5, PNG or TIFF; or a folder with one DICOM series",
    )
    .option("--json", "print it as JSON")
    .action(runInspect);
}

async function runInspect(path: string, { json }: { json?: true }): Promise<void> {
  const { inspect } = await import("../volume/inspect.js");
  const found = await inspect(path);
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : describe(found));
}

/** At most six digits, no exponent for usual sizes. */
const short = (value: number): string => String(Number(value.toPrecision(6)));
const product = (values: readonly number[]): string => values.map(short).join(" x ");

function describe(found: Inspection): string {
  const { spacing, affine, slope_intercept: scale, labels, odd, min, max, mean } = found;
  const rows: [string, string][] = [
    ["file", found.file],
    ["format", found.format],
    ["shape (x, y, z)", product(found.shape)],
    ["spacing", spacing ? `${product(spacing)} mm` : "not stored"],
    ["axes", found.axis_codes ?? "not stored"],
    ...(affine ?? [])
      .slice(0, 3)
      .map((row, i): [string, string] => [i === 0 ? "affine" : "", row.map(short).join("  ")]),
    ["type", found.dtype],
    ["slope, intercept", `${short(scale[0])}, ${short(scale[1])}`],
    [
      "intensities",
      min === null ? "none is finite" : `${short(min)} to ${short(max!)}, mean ${short(mean!)}`,
    ],
    ...(labels ?? []).map(({ value, voxels, ml }, i): [string, string] => [
      i === 0 ? "values" : "",
      `${value}: ${voxels} voxels${ml === null ? "" : `, ${short(ml)} ml`}`,
    ]),
    ...odd.map((text, i): [string, string] => [i === 0 ? "odd" : "", text]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join("\n")}\n`;
}
