import type { Fingerprint, SurveyedCase } from "./fingerprint.js";
import type { Suspicion } from "./suspicions.js";

const NONE = "-";
const short = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(4));
/** [D, H, W] as people write sizes: x first. */
const sizes = (triple: readonly number[] | null | undefined) =>
  triple ? [...triple].reverse().map(short).join("x") : NONE;

/** Volume of a number of voxels in ml, or voxels where no spacing is stored. */
function volumeOf({ image }: SurveyedCase, voxels: number): string {
  const spacing = image?.spacingMm;
  if (!spacing) return `${voxels} voxels`;
  return `${((voxels * spacing[0] * spacing[1] * spacing[2]) / 1000).toFixed(1)} ml`;
}

function rowOf(one: SurveyedCase, classNames: readonly string[]): string[] {
  const { image, classes } = one;
  const channels = image?.channels ?? [];
  const of = (which: 0 | 1 | 2) =>
    channels.map(({ intensity }) => short(intensity.percentiles[which])).join(", ");
  const volumes = classNames
    .slice(1)
    .map((_, i) => classes && volumeOf(one, classes.find(({ value }) => value === i + 1)?.voxels ?? 0));
  return [
    one.files.id,
    one.role,
    sizes(image?.shape),
    sizes(image?.spacingMm),
    ...([0, 1, 2] as const).map((which) => of(which) || NONE),
    ...volumes.map((volume) => volume ?? NONE),
  ];
}

/** Rows as aligned columns. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A fingerprint as text: a line for each case, ranges over the training cases, and what is odd. */
export function toFingerprintTable(fingerprint: Fingerprint, suspicions: readonly Suspicion[]): string {
  const { cases, classNames, shape, spacingMm, modality } = fingerprint;
  const count = (role: SurveyedCase["role"]) => cases.filter((one) => one.role === role).length;
  const head = [
    "case",
    "role",
    "shape x,y,z",
    "mm x,y,z",
    "0.5 %",
    "median",
    "99.5 %",
    ...classNames.slice(1),
  ];
  const table = aligned([head, ...cases.map((one) => rowOf(one, classNames))]);
  const facts = [
    `${count("labeled")} labeled, ${count("unlabeled")} unlabeled, ${count("test")} test cases; modality ${modality ?? "not given"}; classes ${classNames.join(", ")}`,
    shape &&
      `training shapes x,y,z: ${sizes(shape.min)} to ${sizes(shape.max)}, median ${sizes(shape.median)}`,
    spacingMm &&
      `training voxels in mm x,y,z: ${sizes(spacingMm.min)} to ${sizes(spacingMm.max)}, median ${sizes(spacingMm.median)}`,
  ].filter((line) => line !== null);
  const odd = suspicions.map(({ severity, message }) => `${severity.padEnd(6)}  ${message}`);
  return `${[table, "", ...facts, "", ...(odd.length > 0 ? odd : ["nothing odd"])].join("\n")}\n`;
}
