import { type Axis, type AxisKind, axisOver, tickLabel } from "./axis.js";
import type { Drawing, Figure } from "./figure.js";
import { type Html, html } from "./html.js";
import { LINE_STYLES } from "./style.js";

/** One line: [iteration, value] in rising order of iteration. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  /** Which of the line styles; left out: its place among the series. */
  readonly style?: number;
}

export interface ChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  /** Left out: log where every value is positive and the largest is over 50 times the smallest. */
  readonly valueAxis?: AxisKind;
  readonly xLabel?: string;
}

/** A part of the iterations: the mean of its values and how far they spread. */
interface Bucket {
  readonly at: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

const WIDTH = 640;
const HEIGHT = 300;
const PLOT = { left: 64, right: 616, top: 12, bottom: 252 };
/** More points than this are averaged in groups; the band behind the line shows the spread. */
const MOST_POINTS = 240;
const LOG_FROM_RATIO = 50;

/**
 * A line chart with ticks and a legend (classes grid, line, band of the report's sheet).
 * Values that aren't finite are left out, and on a log axis those not above 0 too; the note says how many.
 */
export function lineChart({ title, series, valueAxis, xLabel = "iteration" }: ChartOptions): Figure {
  const kind = valueAxis ?? fittingAxis(series);
  const isDrawable = (value: number) => Number.isFinite(value) && (kind === "linear" || value > 0);
  const drawn = series.map(({ points }) =>
    points.filter(([at, value]) => Number.isFinite(at) && isDrawable(value)),
  );
  const total = series.reduce((sum, { points }) => sum + points.length, 0);
  const leftOut = total - drawn.reduce((sum, points) => sum + points.length, 0);
  const styles = series.map(({ style }, i) => `s${(style ?? i) % LINE_STYLES}`);
  const note = [
    kind === "log" ? "logarithmic" : "",
    leftOut > 0
      ? `${leftOut} of ${total} values not drawn: not finite${kind === "log" ? " or not above 0" : ""}`
      : "",
  ];
  return {
    title,
    note: note.filter((part) => part !== "").join("; "),
    drawing: drawn.some((points) => points.length > 0)
      ? plot({ lines: drawn.map(toBuckets), styles, kind, xLabel })
      : null,
    keys: series.map(({ name }, i) => ({ name, style: `line ${styles[i]!}` })),
  };
}

interface Plot {
  readonly xLabel: string;
  readonly lines: readonly (readonly Bucket[])[];
  readonly styles: readonly string[];
  readonly kind: AxisKind;
}

function plot({ lines, styles, kind, xLabel }: Plot): Drawing {
  const all = lines.flat();
  const xs = all.map(({ at }) => at);
  const x = exactAxis(Math.min(...xs), Math.max(...xs));
  const y = axisOver(Math.min(...all.map(({ low }) => low)), Math.max(...all.map(({ high }) => high)), kind);
  const left = (at: number) => rounded(PLOT.left + x.position(at) * (PLOT.right - PLOT.left));
  const top = (value: number) => rounded(PLOT.bottom - y.position(value) * (PLOT.bottom - PLOT.top));
  const bands = lines.map((line, i) =>
    line.some(({ low, high }) => low < high) ? band(line, left, top, styles[i]!) : null,
  );
  const body = html`<g class="grid">${y.ticks.map((tick) => html`<path d="M${PLOT.left} ${top(tick)}H${PLOT.right}"/><text class="y" x="${PLOT.left - 8}" y="${top(tick) + 5}">${tickLabel(tick)}</text>`)}
${x.ticks.map((tick) => html`<text class="x" x="${left(tick)}" y="${PLOT.bottom + 21}">${tickLabel(tick)}</text>`)}
<text class="x" x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 6}">${xLabel}</text></g>
${bands.filter((shape) => shape !== null)}${lines.map((line, i) => polyline(line, left, top, styles[i]!))}`;
  return { width: WIDTH, height: HEIGHT, body };
}

type ToPixels = (value: number) => number;

function polyline(line: readonly Bucket[], left: ToPixels, top: ToPixels, ofLine: string): Html {
  const style = `line ${ofLine}`;
  if (line.length === 1) {
    return html`<circle class="${style}" cx="${left(line[0]!.at)}" cy="${top(line[0]!.mean)}" r="2.5"/>`;
  }
  return html`<path class="${style}" d="${path(line.map(({ at, mean }) => [left(at), top(mean)]))}"/>`;
}

function band(line: readonly Bucket[], left: ToPixels, top: ToPixels, style: string): Html {
  const above = line.map(({ at, high }) => [left(at), top(high)]);
  const below = line.map(({ at, low }) => [left(at), top(low)]).reverse();
  return html`<path class="band ${style}" d="${path([...above, ...below])}Z"/>`;
}

const path = (points: readonly (readonly number[])[]): string =>
  points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x} ${y}`).join("");

/** At most MOST_POINTS groups of neighbouring points. */
function toBuckets(points: readonly (readonly [number, number])[]): Bucket[] {
  const count = Math.min(MOST_POINTS, points.length);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * points.length) / count);
    const group = points.slice(from, Math.floor(((i + 1) * points.length) / count));
    const mean = (axis: 0 | 1) => group.reduce((sum, point) => sum + point[axis], 0) / group.length;
    const values = group.map(([, value]) => value);
    return { at: mean(0), mean: mean(1), low: Math.min(...values), high: Math.max(...values) };
  });
}

/** Iterations fill the width: ticks are round, but the ends are the data's. */
function exactAxis(low: number, high: number): Axis {
  if (high <= low) return { ticks: [low], position: () => 0.5 };
  const ticks = axisOver(low, high, "linear", 6).ticks.filter((tick) => tick >= low && tick <= high);
  return { ticks, position: (value) => (value - low) / (high - low) };
}

function fittingAxis(series: readonly Series[]): AxisKind {
  const values = series.flatMap(({ points }) => points.map(([, value]) => value).filter(Number.isFinite));
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return low > 0 && high > LOG_FROM_RATIO * low ? "log" : "linear";
}

const rounded = (pixels: number) => Math.round(10 * pixels) / 10;
