import { axisOver, tickLabel } from "./axis.js";
import type { Drawing, Figure } from "./figure.js";
import { type Html, html } from "./html.js";

/** Values in one row of the picture, each with its name; null: there is none. */
export interface DotRow {
  readonly name: string;
  readonly values: readonly { readonly name: string; readonly value: number | null }[];
}

export interface DotsOptions {
  readonly title: string;
  readonly rows: readonly DotRow[];
  readonly xLabel: string;
}

const WIDTH = 960;
const ROW = 40;
const PLOT = { left: 170, right: 930, top: 8 };
/** Dots of a row lie on so many levels, so that equal values stay apart. */
const LEVELS = 5;

/** A dot for each value in a row for each group, and a bar at each row's mean; hovering a dot names it. */
export function dotPlot({ title, rows, xLabel }: DotsOptions): Figure {
  const all = rows.flatMap(({ values }) => values.flatMap(({ value }) => value ?? []));
  const missing = rows.reduce(
    (sum, { values }) => sum + values.filter(({ value }) => value === null).length,
    0,
  );
  return {
    title,
    note: missing > 0 ? `${missing} ${missing === 1 ? "value" : "values"} missing` : "",
    drawing: all.length > 0 ? plot(rows, all, xLabel) : null,
    keys: [],
  };
}

function plot(rows: readonly DotRow[], all: readonly number[], xLabel: string): Drawing {
  const axis = axisOver(Math.min(...all), Math.max(...all), "linear", 8);
  const left = (value: number) => rounded(PLOT.left + axis.position(value) * (PLOT.right - PLOT.left));
  const bottom = PLOT.top + rows.length * ROW;
  const body = html`<g class="grid">${axis.ticks.map((tick) => html`<path d="M${left(tick)} ${PLOT.top}V${bottom}"/><text class="x" x="${left(tick)}" y="${bottom + 20}">${tickLabel(tick)}</text>`)}
<text class="x" x="${(PLOT.left + PLOT.right) / 2}" y="${bottom + 40}">${xLabel}</text></g>
${rows.map((row, i) => dotRow(row, PLOT.top + (i + 0.5) * ROW, left))}`;
  return { width: WIDTH, height: bottom + 46, body };
}

function dotRow({ name, values }: DotRow, middle: number, left: (value: number) => number): Html {
  const drawn = values.filter((one): one is { name: string; value: number } => one.value !== null);
  const mean = drawn.reduce((sum, { value }) => sum + value, 0) / drawn.length;
  const level = (i: number) => rounded(middle + ((i % LEVELS) / (LEVELS - 1) - 0.5) * ROW * 0.5);
  return html`<g class="dots"><text class="y" x="${PLOT.left - 12}" y="${middle + 5}">${name}</text>
${drawn.map(({ name: one, value }, i) => html`<circle cx="${left(value)}" cy="${level(i)}" r="4"><title>${one}: ${rounded(value)}</title></circle>`)}
${drawn.length > 0 && html`<path class="mean" d="M${left(mean)} ${middle - ROW * 0.38}V${middle + ROW * 0.38}"/>`}</g>`;
}

const rounded = (value: number) => Math.round(100 * value) / 100;
