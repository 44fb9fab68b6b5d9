import type { Evaluation } from "../metrics/score.js";
import { caseFigure, sliceLegend } from "./case-view.js";
import { lineChart, type Series } from "./chart.js";
import { figureInPage } from "./figure.js";
import { type Html, html } from "./html.js";
import { type PageOptions, renderPage } from "./page.js";
import { type ComparisonRow, caseTable, comparisonTable, meanFigures } from "./score-view.js";
import type { Why } from "./shown.js";
import type { ReportCase } from "./slices.js";

export interface ReportSection {
  readonly title: string;
  readonly evaluation: Evaluation;
  readonly curves: readonly { readonly title: string; readonly series: readonly Series[] }[];
  readonly shown: readonly { readonly why: Why; readonly case: ReportCase }[];
}

export interface ReportOptions extends PageOptions {
  readonly comparison?: readonly ComparisonRow[];
  readonly sections: readonly ReportSection[];
}

/**
 * A report as one HTML file that needs nothing else: figures, tables, curves and slices; dark or light as the
 * reader's system asks. All text is escaped. Throws RangeError where a shown case's arrays don't fit its grid.
 */
export function renderReport({ title, facts, notes, comparison = [], sections }: ReportOptions): string {
  const body = html`${comparison.length > 0 && html`<h2>Comparison</h2>${comparisonTable(comparison)}`}
${sections.map(renderSection)}`;
  return renderPage({ title, facts, notes }, body);
}

function renderSection({ title, evaluation, curves, shown }: ReportSection): Html {
  for (const { case: one } of shown) checkCase(one);
  const hasUncertainty = shown.some(({ case: one }) => one.uncertainty !== null);
  return html`<section><h2>${title}</h2>
${meanFigures(evaluation)}${caseTable(evaluation)}
${curves.length > 0 && html`<div class="charts">${curves.map((curve) => figureInPage(lineChart(curve)))}</div>`}
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
