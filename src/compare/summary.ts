import type { CaseScore, Evaluation } from "../metrics/score.js";
import type { MethodName } from "../training/method-catalog.js";
import { bootstrapMean } from "./bootstrap.js";
import {
  ALL,
  type CellResult,
  type ClassSummary,
  type Difference,
  METRICS,
  type MethodSummary,
  type Metric,
  type Spread,
} from "./comparison.js";

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, v) => sum + v, 0) / values.length;

/** Sample standard deviation (n - 1). 1, 2, 3: 1 */
export function spreadOf(values: readonly number[]): Spread {
  const centre = mean(values);
  const squares = values.reduce((sum, v) => sum + (v - centre) ** 2, 0);
  return { mean: centre, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null };
}

type Finished = CellResult & { readonly evaluation: Evaluation };

/** Cells that were scored: those whose training did not diverge. */
export const finished = (cells: readonly CellResult[]): Finished[] =>
  cells.filter((cell): cell is Finished => cell.evaluation !== null);

/** The classes of a comparison's rows: each, and all together where there are several. */
export function classesOf(cells: readonly CellResult[]): string[] {
  const rows = finished(cells).flatMap(({ evaluation }) => evaluation.perClass);
  const names = [...new Set(rows.map((row) => row.class))];
  return names.length > 1 ? [...names, ALL] : names;
}

const rowsOf = ({ cases }: Evaluation, name: string): CaseScore[] =>
  name === ALL ? cases : cases.filter((row) => row.class === name);

const valuesOf = (rows: readonly CaseScore[], metric: Metric): number[] =>
  rows.flatMap((row) => row[metric] ?? []);

function summarizeClass(cells: readonly Finished[], name: string): ClassSummary {
  const perSeed = cells.map(({ evaluation }) => rowsOf(evaluation, name));
  const spread = (metric: Metric): Spread | null => {
    const means = perSeed.map((rows) => valuesOf(rows, metric)).filter((values) => values.length > 0);
    return means.length > 0 ? spreadOf(means.map(mean)) : null;
  };
  const rows = perSeed.flat();
  return {
    class: name,
    dice: spread("dice"),
    jaccard: spread("jaccard"),
    hd95: spread("hd95"),
    asd: spread("asd"),
    missing: rows.filter(({ hd95 }) => hd95 === null).length,
    rows: rows.length,
  };
}

/** One method over its seeds; those that diverged are counted and in no mean, unless all did: then their minutes. */
export function summarizeMethod(cells: readonly CellResult[]): MethodSummary {
  const { method, steps, labeledPatches } = cells[0]!;
  const whole = finished(cells);
  return {
    method,
    seeds: cells.length,
    diverged: cells.length - whole.length,
    classes: classesOf(whole).map((name) => summarizeClass(whole, name)),
    steps,
    labeledPatches,
    minutes: spreadOf((whole.length > 0 ? whole : cells).map(({ minutes }) => minutes)),
  };
}

/**
 * Each case's value: mean over seeds (and classes). A distance that one of them lacks leaves the mean of the others, which is
 * of other rows than another method's; `whole` says which means are of all.
 */
export function caseValues(
  cells: readonly CellResult[],
  name: string,
  metric: Metric,
): Map<string, { readonly value: number | null; readonly whole: boolean }> {
  const rows = finished(cells).flatMap(({ evaluation }) => rowsOf(evaluation, name));
  const ids = [...new Set(rows.map(({ id }) => id))].sort();
  return new Map(
    ids.map((id) => {
      const own = rows.filter((row) => row.id === id);
      const values = valuesOf(own, metric);
      const value = values.length > 0 ? mean(values) : null;
      return [id, { value, whole: values.length === own.length }];
    }),
  );
}

/**
 * Paired differences of two methods' cells, over the seeds that both finished; a case that lacks a distance in a class or
 * one of these seeds in either is left out. Null where no seed or no case is left.
 */
export function differenceOf(
  cells: readonly CellResult[],
  against: readonly CellResult[],
  name: string,
  metric: Metric,
): Difference | null {
  const seeds = seedsOfBoth(cells, against);
  const valuesOfBoth = (own: readonly CellResult[]) =>
    caseValues(
      own.filter(({ seed }) => seeds.includes(seed)),
      name,
      metric,
    );
  const [ours, theirs] = [valuesOfBoth(cells), valuesOfBoth(against)];
  const shared = [...ours.keys()].filter((id) => theirs.has(id));
  const paired = shared.flatMap((id) => {
    const [a, b] = [ours.get(id)!, theirs.get(id)!];
    return a.whole && b.whole ? [a.value! - b.value!] : [];
  });
  if (paired.length === 0) return null;
  return {
    method: cells[0]!.method,
    against: against[0]!.method,
    metric,
    class: name,
    ...bootstrapMean(paired),
    seeds: seeds.length,
    cases: paired.length,
    leftOut: shared.length - paired.length,
  };
}

function seedsOfBoth(cells: readonly CellResult[], against: readonly CellResult[]): number[] {
  const [ours, theirs] = [cells, against].map((own) => finished(own).map(({ seed }) => seed));
  return ours!.filter((seed) => theirs!.includes(seed));
}

/** Every later method against every earlier one, in every class and metric. */
export function allDifferences(byMethod: ReadonlyMap<MethodName, readonly CellResult[]>): Difference[] {
  const groups = [...byMethod.values()];
  const classes = classesOf(groups.flat());
  return groups.flatMap((cells, i) =>
    groups
      .slice(0, i)
      .flatMap((against) =>
        classes.flatMap((name) =>
          METRICS.flatMap((metric) => differenceOf(cells, against, name, metric) ?? []),
        ),
      ),
  );
}
