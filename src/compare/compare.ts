import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { badInput } from "../errors.js";
import { hasContent, makeDirectory } from "../files/directory.js";
import { writeJson, writeText } from "../files/whole-file.js";
import type { Config } from "../training/config.js";
import { METHOD_NAMES, type MethodName, methodEntry } from "../training/method-catalog.js";
import { nearestName } from "../training/nearest-name.js";
import { caseLists } from "../training/run-directory.js";
import { planTraining } from "../training/run-plan.js";
import type { TrainOptions } from "../training/train.js";
import { type Cell, checkSame, type Expected, runCell } from "./cell.js";
import type { CellResult, Comparison } from "./comparison.js";
import { comparisonPicture, renderComparison } from "./comparison-report.js";
import { comparisonCsv, comparisonMarkdown } from "./comparison-table.js";
import { type Curve, curvesCsv, curvesOf } from "./curves.js";
import { allDifferences, summarizeMethod } from "./summary.js";

export interface CompareOptions
  extends Pick<
    TrainOptions,
    | "labeled"
    | "init"
    | "preset"
    | "configFile"
    | "set"
    | "device"
    | "precision"
    | "threads"
    | "cache"
    | "skipChecks"
    | "allowLinks"
    | "signal"
    | "onStatus"
    | "onIteration"
  > {
  readonly data: string;
  /** In the order of the table; later ones are compared with earlier ones. */
  readonly methods: readonly string[];
  /** How many seeds of each method. Left out: 3. */
  readonly seeds?: number;
  /** The first of them; the others follow it. Left out: 0. */
  readonly firstSeed?: number;
  /** A new directory, or that of an earlier comparison, which goes on. */
  readonly out: string;
}

/**
 * Trains every method with every seed under the same settings and compares their last checkpoints on the test cases.
 * Cells (method and seed) that are done are not run again, stopped ones go on, and one that begins as another that is done
 * (AUA's later parts) goes on from there, which is the same training. Writes comparison.json, comparison.csv,
 * comparison.md, curves.csv, dice.svg and report.html beside the run directories, and returns what is in them.
 * @throws PenumbraError "bad-input" before any training: an unknown method, a directory with other content, cells that
 *   were trained with other settings; "interrupted" after saving: the same call goes on.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { methods, seeds, firstSeed, out: dir, ...training } = options;
  const status = options.onStatus ?? (() => {});
  const out = checkOut(dir);
  const cells = await planCells(training, checkMethods(methods), seedsOf(seeds, firstSeed), out);
  cells.forEach(checkSame);
  makeDirectory(out);
  const results: CellResult[] = [];
  const curves: Curve[] = [];
  for (const [i, cell] of cells.entries()) {
    status(`${cell.method}, seed ${cell.seed} (${i + 1}/${cells.length}): ${cell.run}`);
    const result = await runCell(cell);
    results.push(result);
    curves.push(...curvesOf(result));
    writeComparison(out, comparisonOf(cells, results), curves, cells[0]!.expected.config);
  }
  status(`report: ${join(out, "report.html")}`);
  return comparisonOf(cells, results);
}

/** After every cell, so that hours of training can be looked at while they go on. */
function writeComparison(
  out: string,
  comparison: Comparison,
  curves: readonly Curve[],
  config: Config,
): void {
  writeJson(join(out, "comparison.json"), comparison);
  writeText(join(out, "comparison.csv"), comparisonCsv(comparison));
  writeText(join(out, "comparison.md"), comparisonMarkdown(comparison));
  writeText(join(out, "curves.csv"), curvesCsv(curves));
  writeText(join(out, "report.html"), renderComparison(comparison, config, curves));
  const picture = comparisonPicture(comparison);
  if (picture) writeText(join(out, "dice.svg"), picture);
}

function checkMethods(names: readonly string[]): MethodName[] {
  const methods = names.map((name) => {
    const method = METHOD_NAMES.find((known) => known === name);
    if (method) return method;
    throw badInput(
      `unknown method "${name}"; did you mean "${nearestName(name, METHOD_NAMES)}"? penumbra methods lists them`,
    );
  });
  const bare = methods.find((name) => !methodEntry(name).segments);
  if (bare)
    throw badInput(`method "${bare}" segments nothing to compare; give its run to the others: --init RUN`);
  if (methods.length === 0) throw badInput("no method to compare: name at least one");
  const twice = methods.find((name, i) => methods.indexOf(name) < i);
  if (twice) throw badInput(`method "${twice}" is named twice; name each once`);
  return methods;
}

function checkOut(dir: string): string {
  if (dir === "") throw badInput('--out is "": name a directory for the comparison');
  const out = resolve(dir);
  if (hasContent(out) && !existsSync(join(out, "comparison.json")) && !isBegun(out)) {
    throw badInput(`${out} is not empty and holds no comparison: name a new directory with --out`);
  }
  return out;
}

/** What a comparison leaves that was stopped in its first cell: its folder of runs and nothing else. */
function isBegun(out: string): boolean {
  const methods: readonly string[] = METHOD_NAMES;
  return (
    readdirSync(out).join() === "runs" &&
    readdirSync(join(out, "runs")).every((name) => methods.includes(name))
  );
}

function seedsOf(seeds = 3, firstSeed = 0): number[] {
  if (!Number.isInteger(seeds) || seeds < 1)
    throw badInput(`seeds is ${seeds}; expected how many seeds, a whole number of 1 or more`);
  if (!Number.isInteger(firstSeed) || firstSeed < 0)
    throw badInput(`the first seed is ${firstSeed}; expected a whole number of 0 or more`);
  return Array.from({ length: seeds }, (_, i) => firstSeed + i);
}

async function planCells(
  options: Omit<CompareOptions, "methods" | "seeds" | "firstSeed" | "out">,
  methods: readonly MethodName[],
  seeds: readonly number[],
  out: string,
): Promise<Cell[]> {
  const data = resolve(options.data);
  const cells: Cell[] = [];
  for (const method of methods) {
    for (const seed of seeds) {
      const training = { ...options, data, method, set: [...(options.set ?? []), `seed=${seed}`] };
      const { config, dataset } = await planTraining(training);
      const expected = { config, ...casesOf(dataset) };
      const runOf = (name: string) => join(out, "runs", name, `seed-${seed}`);
      const { beginsAs } = methodEntry(method);
      const beginWith = beginsAs ? [runOf(beginsAs)] : [];
      cells.push({ method, seed, run: runOf(method), beginWith, training, expected });
    }
  }
  return cells;
}

function casesOf(dataset: Dataset): Omit<Expected, "config"> {
  const scored = dataset.test.filter(({ labelPath }) => labelPath !== null);
  if (scored.length === 0)
    throw badInput(
      `${dataset.dir} has no label for any of its ${dataset.test.length} test cases, so nothing could be compared; add labels (labelsTs), or take labeled training cases as the test cases`,
    );
  return { ...caseLists(dataset), scored: scored.map(({ id }) => id) };
}

function comparisonOf(cells: readonly Cell[], results: readonly CellResult[]): Comparison {
  const byMethod = new Map<MethodName, CellResult[]>();
  for (const result of results) byMethod.set(result.method, [...(byMethod.get(result.method) ?? []), result]);
  const scored = results.find(({ evaluation }) => evaluation !== null);
  return {
    data: cells[0]!.training.data,
    labeled: cells[0]!.expected.labeled.length,
    planned: cells.length,
    unit: scored?.evaluation?.unit ?? "mm",
    methods: [...byMethod.values()].map(summarizeMethod),
    differences: allDifferences(byMethod),
    cells: results,
  };
}
