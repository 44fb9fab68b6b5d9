import type { CaseScore, DistanceUnit, Evaluation, MeanScore } from "../metrics/score.js";
import { missingNote, scoreCells, scoreHeadings } from "../metrics/score-table.js";
import { type Html, html } from "./html.js";

/** A method in the comparison; rows may come from elsewhere, e.g. from a publication: `note` says so. */
export interface ComparisonRow {
  readonly method: string;
  readonly mean: MeanScore;
  readonly unit: DistanceUnit;
  readonly missing?: number;
  readonly note?: string;
}

const FOLDED_FROM_ROWS = 24;

/**
 * Methods against each other; the best of each column is marked, distances only where their
 * units agree and none is missing.
 */
export function comparisonTable(rows: readonly ComparisonRow[]): Html {
  const units = new Set(rows.map(({ unit }) => unit));
  const unit = units.size === 1 ? rows[0]!.unit : null;
  const headings = unit ? scoreHeadings({ unit }) : ["Dice %", "Jaccard %", "95HD", "ASD"];
  const best = bestPerColumn(rows, unit !== null);
  const cells = (row: ComparisonRow) =>
    scoreCells(row.mean).map((cell, column) => {
      const isBest =
        rows.length > 1 && isEligible(row, column) && numbersOf(row.mean)[column] === best[column];
      const suffix = !unit && column >= 2 && cell !== "–" ? ` ${row.unit}` : "";
      return html`<td class="${isBest ? "best" : ""}">${cell}${suffix}</td>`;
    });
  const remarks = ({ note, missing }: ComparisonRow) =>
    [note ?? "", missing ? `${missing} ${missing === 1 ? "distance" : "distances"} missing` : ""]
      .filter((part) => part !== "")
      .join("; ");
  return html`<div class="scroll"><table><thead><tr><th class="text">Method</th>${headings.map((heading) => html`<th>${heading}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr><td class="text">${row.method}${remarks(row) && html` <small>${remarks(row)}</small>`}</td>${cells(row)}</tr>`)}</tbody></table></div>`;
}

/** The means in large figures, and what they leave out. */
export function meanFigures(evaluation: Evaluation): Html {
  const headings = scoreHeadings(evaluation);
  const count = new Set(evaluation.cases.map(({ id }) => id)).size;
  return html`<dl class="means">${scoreCells(evaluation.mean).map((cell, i) => html`<div><dt>${headings[i]!}</dt><dd>${cell}</dd></div>`)}</dl>
<p class="soft">Mean over ${count} ${count === 1 ? "case" : "cases"}${evaluation.perClass.length > 1 && ` and ${evaluation.perClass.length} classes`}.${evaluation.missing > 0 && ` ${missingNote(evaluation)}.`}</p>`;
}

/** A row per case and class, then the means; long tables are folded. */
export function caseTable(evaluation: Evaluation): Html {
  const { cases, perClass, mean } = evaluation;
  const means = [
    ...(perClass.length > 1 ? perClass : []),
    { class: perClass.length > 1 ? "all" : perClass[0]!.class, ...mean },
  ];
  const table = html`<div class="scroll"><table><thead><tr><th class="text">Case</th><th class="text">Class</th>${scoreHeadings(evaluation).map((heading) => html`<th>${heading}</th>`)}</tr></thead>
<tbody>${cases.map((row) => scoreRow(row))}</tbody>
<tbody>${means.map((row) => scoreRow({ id: "mean", ...row }, "mean"))}</tbody></table></div>`;
  return cases.length >= FOLDED_FROM_ROWS
    ? html`<details><summary>All ${cases.length} rows</summary>${table}</details>`
    : table;
}

/** "left atrium: Dice 91.08 %, 95HD 5.60 mm" for each class of a case. */
export function caseCaption({ cases, unit }: Evaluation, id: string): string {
  const distance = (value: number | null) => (value === null ? "missing" : `${value.toFixed(2)} ${unit}`);
  return cases
    .filter((row) => row.id === id)
    .map(
      (row) =>
        `${row.class}: Dice ${(100 * row.dice).toFixed(2)} %, 95HD ${distance(row.hd95)}, ASD ${distance(row.asd)}`,
    )
    .join("; ");
}

function scoreRow(row: CaseScore, style: "" | "mean" = ""): Html {
  const [dice, ...rest] = scoreCells(row);
  const bar = html`<td class="bar" style="--part:${dice!}">${dice!}</td>`;
  return html`<tr class="${style}"><td class="text">${row.id}</td><td class="text">${row.class}</td>${bar}${rest.map((cell) => html`<td>${cell}</td>`)}</tr>`;
}

const isEligible = ({ missing = 0 }: ComparisonRow, column: number) => column < 2 || missing === 0;
const numbersOf = ({ dice, jaccard, hd95, asd }: MeanScore) => [dice, jaccard, hd95, asd];

/** Largest overlap, and smallest distance of the methods that miss none (leaving out failures is no merit); undefined where a column has no number or can't be compared. */
function bestPerColumn(rows: readonly ComparisonRow[], distancesCompare: boolean): (number | undefined)[] {
  return [0, 1, 2, 3].map((column) => {
    const values = rows
      .filter((row) => isEligible(row, column))
      .map(({ mean }) => numbersOf(mean)[column])
      .filter((value) => value != null);
    if (values.length === 0 || (column >= 2 && !distancesCompare)) return undefined;
    return column < 2 ? Math.max(...values) : Math.min(...values);
  });
}
