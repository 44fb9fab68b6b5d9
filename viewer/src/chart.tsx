import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { DASHES, seriesColour } from "./colours.js";

/** One line: x rising. */
export interface Line {
  readonly name: string;
  /** Which colour, and dash unless that is named too. */
  readonly style: number;
  readonly dash?: number;
  /** Before its number, where lines of one chart are of several kinds. */
  readonly tag?: string;
  readonly xs: readonly number[];
  readonly ys: readonly (number | null)[];
}

/** A part of the x axis with a name, at the top of the plot. */
export interface Part {
  readonly name: string;
  readonly from: number;
}

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly parts?: readonly Part[];
  readonly dark: boolean;
  /** Running mean over so many values; the values themselves stay as a faint line. 1: none. */
  readonly smooth?: number;
  readonly format?: (value: number) => string;
  readonly markers?: boolean;
}

const HEIGHT = 190;
const SYNC = uPlot.sync("iterations");

export const shortNumber = (value: number): string => {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return Number(value.toPrecision(3)).toString();
};

/** Mean over up to `width` values around each; gaps stay gaps. */
export function smoothed(ys: readonly (number | null)[], width: number): (number | null)[] {
  const half = Math.floor(width / 2);
  const sums = [0];
  const counts = [0];
  for (const [i, y] of ys.entries()) {
    sums.push(sums[i]! + (y ?? 0));
    counts.push(counts[i]! + (y === null ? 0 : 1));
  }
  return ys.map((y, i) => {
    const [from, to] = [Math.max(0, i - half), Math.min(ys.length, i + half + 1)];
    return y === null ? null : (sums[to]! - sums[from]!) / (counts[to]! - counts[from]!);
  });
}

type Columns = uPlot.AlignedData;

function columnsOf(lines: readonly Line[], smooth: number): Columns {
  const tables = lines.flatMap(({ xs, ys }): Columns[] => {
    const raw: Columns = [xs as number[], ys as (number | null)[]];
    return smooth > 1 ? [raw, [xs as number[], smoothed(ys, smooth)]] : [raw];
  });
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

function seriesOf(lines: readonly Line[], smooth: number, dark: boolean, markers: boolean): uPlot.Series[] {
  return lines.flatMap(({ name, style, dash: dashStyle = style }): uPlot.Series[] => {
    const stroke = seriesColour(style, dark);
    const dash = [...DASHES[dashStyle % DASHES.length]!];
    const main: uPlot.Series = {
      label: name,
      stroke,
      width: 1.8,
      dash,
      spanGaps: true,
      points: { show: markers, size: 6 },
    };
    if (smooth <= 1) return [main];
    const faint: uPlot.Series = {
      label: `${name}, raw`,
      stroke: `${stroke}44`,
      width: 1,
      spanGaps: true,
      points: { show: false },
    };
    return [faint, main];
  });
}

/** Ticks with as many digits as tell them apart. */
function tickLabels(ticks: readonly number[]): string[] {
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
  if (step < 1e-4) return ticks.map((tick) => (tick === 0 ? "0" : tick.toExponential(1)));
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return ticks.map((tick) => tick.toFixed(digits));
}

function axes(dark: boolean): uPlot.Axis[] {
  const stroke = dark ? "#8f9aa5" : "#66707a";
  const grid = { stroke: dark ? "#262c32" : "#e9ebec", width: 1 };
  const font = '11px system-ui, "Segoe UI", sans-serif';
  const common: uPlot.Axis = { stroke, font, grid, ticks: { show: false }, gap: 6 };
  return [
    { ...common, size: 26 },
    { ...common, size: 52, values: (_, ticks) => tickLabels(ticks) },
  ];
}

/** Draws where parts begin, and their names. */
const partMarks =
  (parts: readonly Part[], dark: boolean) =>
  ({ ctx, bbox, scales, valToPos }: uPlot): void => {
    ctx.save();
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.fillStyle = dark ? "#78838e" : "#8a939b";
    ctx.strokeStyle = dark ? "#3a434b" : "#d4d8db";
    const first = scales.x!.min ?? 0;
    const begun = parts.filter(({ from }) => from <= first).at(-1);
    ctx.setLineDash([]);
    const right = bbox.left + bbox.width;
    for (const [i, part] of parts.entries()) {
      const x = part === begun ? bbox.left : valToPos(part.from, "x", true);
      if ((part.from <= first && part !== begun) || x >= right) continue;
      if (part !== begun) {
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      const next = parts[i + 1];
      const end = next ? Math.min(right, valToPos(next.from, "x", true)) : right;
      const left = x + 5 * devicePixelRatio;
      if (left + ctx.measureText(part.name).width > end) continue; // the part is shorter than its name
      ctx.fillText(part.name, left, bbox.top + 10 * devicePixelRatio);
    }
    ctx.restore();
  };

/** A line chart that grows with its data; charts of a page share cursor and zoom (drag to zoom, double click for all). */
export function Chart({
  title,
  lines,
  parts = [],
  dark,
  smooth = 1,
  format = shortNumber,
  markers = false,
}: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const columns = useMemo(() => columnsOf(lines, smooth), [lines, smooth]);
  const shape = JSON.stringify([
    lines.map(({ name, style, dash }) => [name, style, dash]),
    smooth > 1,
    dark,
    parts,
    markers,
  ]);
  useEffect(() => {
    const element = place.current!;
    const made = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: HEIGHT,
        series: [{ label: "iteration" }, ...seriesOf(lines, smooth, dark, markers)],
        axes: axes(dark),
        scales: { x: { time: false } },
        padding: [6, 20, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: SYNC.key }, y: false, points: { size: 6 } },
        hooks: {
          draw: [partMarks(parts, dark)],
          setCursor: [(chart) => setAt(chart.cursor.idx ?? null)],
        },
      },
      columns,
      element,
    );
    plot.current = made;
    const watcher = new ResizeObserver(() =>
      made.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT }),
    );
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.destroy();
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(columns), [columns]);
  const step = smooth > 1 ? 2 : 1;
  return (
    <figure class="chart">
      <figcaption>
        <b>{title}</b>
        <span class="readout">
          {lines.map(({ name, style, tag }, i) => {
            const values = columns[step * i + 1] ?? [];
            const value = at === null ? lastValue(values) : values[at];
            return (
              <span key={name} style={{ color: seriesColour(style, dark) }} title={name}>
                {tag && <small>{tag} </small>}
                {typeof value === "number" ? format(value) : "–"}
              </span>
            );
          })}
        </span>
      </figcaption>
      <div ref={place} />
    </figure>
  );
}

const lastValue = (values: ArrayLike<number | null | undefined>): number | null | undefined => {
  for (let i = values.length - 1; i >= 0; i--) if (typeof values[i] === "number") return values[i];
  return null;
};
