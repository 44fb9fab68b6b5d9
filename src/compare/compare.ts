import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { badInput, PenumbraError } from "../errors.js";
import { checkCanBeMade, hasContent, makeDirectory } from "../files/directory.js";
import { FileLock } from "../files/file-lock.js";
import { isLeftover, writeJson, writeText } from "../files/whole-file.js";
import type { Config } from "../training/config.js";
import { METHOD_NAMES, type MethodName, methodEntry } from "../training/method-catalog.js";
import { nearestName } from "../training/nearest-name.js";
import type { TrainOptions } from "../training/train.js";
import { type Cell, isDone, runCell } from "./cell.js";
import type { CellResult, Comparison } from "./comparison.js";
import { comparisonPicture, renderComparison } from "./comparison-report.js";
import { comparisonCsv, comparisonMarkdown } from "./comparison-table.js";
import { curvesCsv, curvesOf } from "./curves.js";
import { planCells, RUNS_FOLDER, seedsOf } from "./plan.js";
import { allDifferences, finished, summarizeMethod } from "./summary.js";

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

/** In the comparison's directory: which process works on it. */
const LOCK_NAME = "compare.lock";

/**
 * Trains every method with every seed under the same settings and compares their last checkpoints on the test cases.
 * Cells (method and seed) that are done are not run again, stopped ones go on, and one that begins as another that is done
 * (AUA's later parts) goes on from there, which is the same training. What earlier calls finished in the same directory,
 * or another machine did whose runs were copied there, stays in the tables, before what is new. Writes comparison.json, comparison.csv,
 * comparison.md, curves.csv, dice.svg and report.html beside the run directories, and returns what is in them.
 * @throws PenumbraError "bad-input" before any training: an unknown method, a directory with other content, cells in it that
 *   were trained with other settings, initial weights that don't fit; "environment" for a directory that another process
 *   works on; "interrupted" after saving: the same call goes on.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { methods, seeds, firstSeed, out: dir, ...shared } = options;
  const status = options.onStatus ?? (() => {});
  const out = checkOut(dir);
  const asked = { methods: checkMethods(methods), seeds: seedsOf(seeds, firstSeed) };
  const lockOut = () =>
    FileLock.take(join(out, LOCK_NAME), ({ pid, host }) =>
      status(`${out}: taken over from process ${pid} on ${host}, which is gone`),
    );
  let lock = existsSync(out) ? lockOut() : null; // before it is looked at, so that it stays as it is seen
  try {
    const cells = await planCells(shared, asked, out);
    makeDirectory(out);
    lock ??= lockOut();
    return await runCells(cells, out, options);
  } catch (error) {
    if (!(error instanceof PenumbraError && error.code === "interrupted")) throw error;
    throw new PenumbraError("interrupted", `${error.message}; the same call goes on`);
  } finally {
    lock?.release();
  }
}

/** Those that are done come first, and nothing is written before all of them are read: no row of an earlier call is lost. */
async function runCells(
  cells: readonly Cell[],
  out: string,
  { signal, onStatus: status = () => {} }: CompareOptions,
): Promise<Comparison> {
  const done = cells.filter(isDone);
  const results = new Map<Cell, CellResult>();
  let comparison = comparisonOf(cells, []);
  for (const cell of [...done, ...cells.filter((one) => !done.includes(one))]) {
    if (signal?.aborted) throw new PenumbraError("interrupted", `${out}: stopped`);
    status(`${cell.method}, seed ${cell.seed} (${results.size + 1}/${cells.length}): ${cell.run}`);
    results.set(cell, await runCell(cell));
    if (results.size < done.length) continue;
    comparison = comparisonOf(
      cells,
      cells.flatMap((one) => results.get(one) ?? []),
    );
    writeComparison(out, comparison, cells[0]!.expected.config);
  }
  status(`report: ${join(out, "report.html")}`);
  return comparison;
}

/** After every cell, so that hours of training can be looked at while they go on. */
function writeComparison(out: string, comparison: Comparison, config: Config): void {
  const curves = comparison.cells.flatMap(curvesOf);
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
  checkCanBeMade(out);
  if (hasContent(out) && !existsSync(join(out, "comparison.json")) && !holdsRunsAlone(out)) {
    throw badInput(`${out} is not empty and holds no comparison: name a new directory with --out`);
  }
  return out;
}

/** What a comparison leaves that was stopped in its first cell or before: a lock, its folder of runs and nothing else. */
function holdsRunsAlone(out: string): boolean {
  const methods: readonly string[] = METHOD_NAMES;
  const isOfNobody = (name: string) => name.startsWith(LOCK_NAME) || name.startsWith(".") || isLeftover(name);
  const namesIn = (folder: string) => readdirSync(folder).filter((name) => !isOfNobody(name));
  const names = namesIn(out);
  return (
    names.length === 0 ||
    (names.join() === RUNS_FOLDER && namesIn(join(out, RUNS_FOLDER)).every((name) => methods.includes(name)))
  );
}

function comparisonOf(cells: readonly Cell[], results: readonly CellResult[]): Comparison {
  const byMethod = new Map<MethodName, CellResult[]>();
  for (const result of results) byMethod.set(result.method, [...(byMethod.get(result.method) ?? []), result]);
  return {
    data: cells[0]!.training.data,
    labeled: cells[0]!.expected.labeled.length,
    planned: cells.length,
    unit: finished(results)[0]?.evaluation.unit ?? "mm",
    methods: [...byMethod.values()].map(summarizeMethod),
    differences: allDifferences(byMethod),
    cells: results,
  };
}
