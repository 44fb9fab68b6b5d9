import { csvText } from "../metrics/score-table.js";
import { lineChart, type Series } from "../report/chart.js";
import { figureInPage } from "../report/figure.js";
import type { Html } from "../report/html.js";
import { readRunLog } from "../training/run-log.js";
import type { CellResult } from "./comparison.js";
import { mean } from "./summary.js";

/** Iterations whose values are averaged into one point. */
const WINDOW = 50;

/** A loss term of one run over its iterations, before its weight. */
export interface Curve {
  readonly method: string;
  readonly seed: number;
  readonly term: string;
  /** [iterations over all stages at the window's end, mean over the window] */
  readonly points: readonly (readonly [number, number])[];
}

/** Every loss term of a run. */
export function curvesOf({ method, seed, run }: CellResult): Curve[] {
  const byTerm = new Map<string, Map<number, number[]>>();
  for (const { total, terms } of readRunLog(run)) {
    const end = Math.ceil(total / WINDOW) * WINDOW;
    for (const [term, value] of Object.entries(terms)) {
      const windows = byTerm.get(term) ?? new Map<number, number[]>();
      windows.set(end, [...(windows.get(end) ?? []), value]);
      byTerm.set(term, windows);
    }
  }
  return [...byTerm].map(([term, windows]) => ({
    method,
    seed,
    term,
    points: [...windows].map(([end, values]) => [end, mean(values)] as const),
  }));
}

/** A row per run, term and window. */
export function curvesCsv(curves: readonly Curve[]): string {
  const rows = curves.flatMap(({ method, seed, term, points }) =>
    points.map(([end, value]) => [method, seed, term, end, Number(value.toPrecision(5))]),
  );
  const header = "method,seed,term,iteration,mean_of_50";
  return csvText(header, rows);
}

/** A chart a term, a line a method, of the same style in each: the mean over its seeds. */
export function renderCurves(curves: readonly Curve[]): Html[] {
  const terms = [...new Set(curves.map(({ term }) => term))];
  const methods = [...new Set(curves.map(({ method }) => method))];
  return terms.map((term) => {
    const series = methods.flatMap((name, style): Series[] => {
      const own = curves.filter((curve) => curve.term === term && curve.method === name);
      return own.length > 0 ? [{ name, style, points: overSeeds(own) }] : [];
    });
    return figureInPage(lineChart({ title: term, series }));
  });
}

function overSeeds(curves: readonly Curve[]): Series["points"] {
  const values = new Map<number, number[]>();
  for (const [end, value] of curves.flatMap(({ points }) => points))
    values.set(end, [...(values.get(end) ?? []), value]);
  return [...values].map(([end, found]) => [end, mean(found)] as const);
}
