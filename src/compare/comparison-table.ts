import { csvText, scoreHeadings } from "../metrics/score-table.js";
import type { MethodName } from "../training/method-catalog.js";
import {
  type ClassSummary,
  type Comparison,
  type Difference,
  METRICS,
  type MethodSummary,
  type Metric,
  type Spread,
} from "./comparison.js";

const isOverlap = (metric: Metric) => metric === "dice" || metric === "jaccard";

/** Overlaps in percent, distances as they are, two digits. */
export const shownValue = (metric: Metric, value: number): string =>
  (isOverlap(metric) ? 100 * value : value).toFixed(2);

/** "88.12 ± 0.43"; without a deviation where there is one seed, a dash where there is no value. */
export function shownSpread(metric: Metric, spread: Spread | null): string {
  if (!spread) return "–";
  const { mean, deviation } = spread;
  return deviation === null
    ? shownValue(metric, mean)
    : `${shownValue(metric, mean)} ± ${shownValue(metric, deviation)}`;
}

const signed = (metric: Metric, value: number) => `${value >= 0 ? "+" : ""}${shownValue(metric, value)}`;

/** "+1.20 [0.40, 2.05]" */
export const shownDifference = ({ metric, mean, low, high }: Difference): string =>
  `${signed(metric, mean)} [${signed(metric, low)}, ${signed(metric, high)}]`;

/** "3", or "2 (1 of 3 diverged)" */
export const shownSeeds = ({ seeds, diverged }: MethodSummary): string =>
  diverged === 0 ? String(seeds) : `${seeds - diverged} (${diverged} of ${seeds} diverged)`;

interface TableRow {
  readonly summary: MethodSummary;
  readonly row: ClassSummary | null;
}

/** A summary's rows; a method whose seeds all diverged keeps one, without numbers. */
const rowsOf = (methods: readonly MethodSummary[]): TableRow[] =>
  methods.flatMap((summary): TableRow[] =>
    summary.classes.length > 0 ? summary.classes.map((row) => ({ summary, row })) : [{ summary, row: null }],
  );

/** Headings of the main table and its cells as text, one list a row. */
export function mainTable({ methods, unit }: Pick<Comparison, "methods" | "unit">): {
  headings: string[];
  rows: string[][];
} {
  const headings = [
    "method",
    "seeds",
    "class",
    ...scoreHeadings({ unit }),
    "no distance",
    "steps",
    "minutes",
  ];
  const rows = rowsOf(methods).map(({ summary, row }) => [
    summary.method,
    shownSeeds(summary),
    row?.class ?? "–",
    ...METRICS.map((metric) => shownSpread(metric, row?.[metric] ?? null)),
    row ? `${row.missing} of ${row.rows}` : "–",
    String(summary.steps),
    summary.minutes.mean.toFixed(1),
  ]);
  return { headings, rows };
}

function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows].map((row) => row.map((text) => text.replaceAll("|", "\\|")));
  const widths = headings.map((_, i) => Math.max(3, ...all.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(all[0]!), line(widths.map((n) => "-".repeat(n))), ...all.slice(1).map(line)].join("\n");
}

/** What a reader of the tables must know: that runs are still to come, and what distances leave out. */
export const tableNotes = ({ methods, cells, planned }: Comparison): string[] => [
  ...(cells.length < planned ? [`Not all is done yet: ${cells.length} of ${planned} runs.`] : []),
  ...(methods.flatMap(({ classes }) => classes).some(({ missing }) => missing > 0)
    ? [
        "Distances leave out where prediction or reference is empty, which the column no distance counts; that flatters the method with empty predictions.",
      ]
    : []),
];

/** Both tables as Markdown: the means, and every method's Dice against the first and against the one before it. */
export function comparisonMarkdown(comparison: Comparison): string {
  const { headings, rows } = mainTable(comparison);
  const names = comparison.methods.map(({ method }) => method);
  const isShown = (method: MethodName, against: MethodName) =>
    against === names[0] || names.indexOf(against) === names.indexOf(method) - 1;
  const differences = comparison.differences
    .filter(({ metric, method, against }) => metric === "dice" && isShown(method, against))
    .map((d) => [d.method, d.against, d.class, shownDifference(d), String(d.cases), String(d.seeds)]);
  const parts = [markdownTable(headings, rows), ...tableNotes(comparison)];
  if (differences.length > 0) {
    const columns = ["method", "against", "class", "Dice points [95 % interval]", "cases", "seeds"];
    parts.push(markdownTable(columns, differences));
  }
  const diverged = comparison.cells.filter((cell) => cell.diverged !== null);
  parts.push(...diverged.map((cell) => `${cell.method}, seed ${cell.seed} diverged: ${cell.diverged}`));
  return `${parts.join("\n\n")}\n`;
}

/**
 * A row per method, seed, case and class; fractions rather than percent, an empty field where a distance is missing. A
 * diverged cell has one row without scores.
 */
export function comparisonCsv({ cells, unit }: Pick<Comparison, "cells" | "unit">): string {
  const rows = cells.flatMap(({ method, seed, evaluation }) =>
    evaluation
      ? evaluation.cases.map((row) => [
          ...[method, seed, "finished", row.id, row.class],
          ...METRICS.map((metric) => row[metric] ?? ""),
        ])
      : [[method, seed, "diverged", "", "", "", "", "", ""]],
  );
  const header = `method,seed,status,case,class,dice,jaccard,hd95_${unit},asd_${unit}`;
  return csvText(header, rows);
}
