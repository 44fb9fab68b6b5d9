import type { Evaluation, MeanScore } from "./score.js";

/** Headings of a row's four numbers, with the unit of its distances. */
export const scoreHeadings = ({ unit }: Pick<Evaluation, "unit">): string[] => [
  "Dice %",
  "Jaccard %",
  `95HD (${unit})`,
  `ASD (${unit})`,
];

/** Dice and Jaccard in percent, distances with two digits; a missing distance is a dash. 0.91084 -> 91.08 */
export const scoreCells = ({ dice, jaccard, hd95, asd }: MeanScore): string[] => [
  (100 * dice).toFixed(2),
  (100 * jaccard).toFixed(2),
  hd95?.toFixed(2) ?? "–",
  asd?.toFixed(2) ?? "–",
];

/**
 * Comma-separated values: a row per case and class, then the means (case `mean`, class `*` over all). Full
 * precision, fractions rather than percent, an empty field where a distance is missing.
 */
export function toCsv({ cases, mean, perClass, unit }: Evaluation): string {
  const means = [...(perClass.length > 1 ? perClass : []), { class: "*", ...mean }];
  const rows = [...cases, ...means.map((row) => ({ id: "mean", ...row }))].map((row) => [
    ...[row.id, row.class],
    ...[row.dice, row.jaccard, row.hd95 ?? "", row.asd ?? ""],
  ]);
  return csvText(`case,class,dice,jaccard,hd95_${unit},asd_${unit}`, rows);
}

/** The same as aligned text for a terminal, and under it how many distances are missing. */
export function toTable(evaluation: Evaluation): string {
  const { cases, mean, perClass, missing } = evaluation;
  const header = ["case", "class", ...scoreHeadings(evaluation)];
  const rows = cases.map((row) => [row.id, row.class, ...scoreCells(row)]);
  const classMeans =
    perClass.length > 1 ? perClass.map((row) => ["mean", row.class, ...scoreCells(row)]) : [];
  const means = [
    ...classMeans,
    ["mean", perClass.length > 1 ? "all" : perClass[0]!.class, ...scoreCells(mean)],
  ];
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows, ...means].map((row) => row[column]!.length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd();
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1)));
  const text = [line(header), rule, ...rows.map(line), rule, ...means.map(line)];
  if (missing > 0) text.push(missingNote(evaluation));
  return `${text.join("\n")}\n`;
}

/** Says that some distances are in no mean, and why. */
export const missingNote = ({ cases, missing }: Evaluation): string =>
  `${missing} of ${cases.length} distances missing: prediction or reference is empty there; the means leave them out`;

/** A header line as it is, and a line a row. */
export const csvText = (header: string, rows: readonly (readonly (string | number)[])[]): string =>
  `${[header, ...rows.map((row) => row.map(csvField).join(","))].join("\n")}\n`;

/** Quoted where it must be; text that a spreadsheet would run as a formula gets a leading apostrophe. */
function csvField(value: string | number): string {
  if (typeof value === "number") return String(value);
  const text = /^[=+@\t\r-]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
