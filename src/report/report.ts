import type { Evaluation } from "../metrics/score.js";
import { caseFigure, sliceLegend } from "./case-view.js";
import { renderChart, type Series } from "./chart.js";
import { type Html, html, raw } from "./html.js";
import { type ComparisonRow, caseTable, comparisonTable, meanFigures } from "./score-view.js";
import type { Why } from "./shown.js";
import type { ReportCase } from "./slices.js";
import { STYLE } from "./style.js";

export interface ReportSection {
  readonly title: string;
  readonly evaluation: Evaluation;
  readonly curves: readonly { readonly title: string; readonly series: readonly Series[] }[];
  readonly shown: readonly { readonly why: Why; readonly case: ReportCase }[];
}

export interface ReportOptions {
  readonly title: string;
  /** Name and value of what a reader must know: data, method, iterations, seed, ... */
  readonly facts: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  readonly comparison?: readonly ComparisonRow[];
  readonly sections: readonly ReportSection[];
}

/** The policy a browser holds the page to: nothing is fetched and no script runs. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/**
 * A report as one HTML file that needs nothing else: figures, tables, curves and slices; dark or light as the
 * reader's system asks. All text is escaped. Throws RangeError where a shown case's arrays don't fit its grid.
 */
export function renderReport({ title, facts, notes, comparison = [], sections }: ReportOptions): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}"><title>${title}</title><style>${raw(STYLE)}</style></head>
<body><main><h1>${title}</h1>
<dl class="facts">${Object.entries(facts).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${notes.length > 0 && html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}
${comparison.length > 0 && html`<h2>Comparison</h2>${comparisonTable(comparison)}`}
${sections.map(renderSection)}
</main></body></html>
`;
  return page.markup;
}

function renderSection({ title, evaluation, curves, shown }: ReportSection): Html {
  for (const { case: one } of shown) checkCase(one);
  const hasUncertainty = shown.some(({ case: one }) => one.uncertainty !== null);
  return html`<section><h2>${title}</h2>
${meanFigures(evaluation)}${caseTable(evaluation)}
${curves.length > 0 && html`<div class="charts">${curves.map(renderChart)}</div>`}
${shown.length > 0 && html`<h3>Slices</h3>${sliceLegend(hasUncertainty)}`}
${shown.map(({ why, case: one }) => caseFigure(evaluation, why, one))}</section>`;
}

function checkCase({ id, image, reference, prediction, uncertainty, grid }: ReportCase): void {
  const voxels = grid.shape.reduce((product, size) => product * size, 1);
  for (const [name, data] of Object.entries({ image, reference, prediction, uncertainty })) {
    if (data && data.length !== voxels) {
      throw new RangeError(
        `report: ${name} of case ${id} has ${data.length} voxels, [${grid.shape}] has ${voxels}`,
      );
    }
  }
}
