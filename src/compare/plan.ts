import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CaseFiles, Dataset } from "../data/dataset.js";
import { badInput, PenumbraError } from "../errors.js";
import { isDirectory } from "../files/directory.js";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";
import { contentsOf } from "../training/case-contents.js";
import { askedFor } from "../training/config.js";
import { precisionOf } from "../training/engine-setup.js";
import { initialSum } from "../training/initial-weights.js";
import { METHOD_NAMES, type MethodName, methodEntry } from "../training/method-catalog.js";
import { caseLists, isRun } from "../training/run-directory.js";
import { planTraining } from "../training/run-plan.js";
import { initialWeights } from "../training/train.js";
import { preparationOf } from "../training/training-data.js";
import { type Cell, checkSame, isDone } from "./cell.js";
import type { CompareOptions } from "./compare.js";
import type { Comparison } from "./comparison.js";

/** Folder of a comparison with a run directory for every cell: runs/<method>/seed-<n>. */
export const RUNS_FOLDER = "runs";

type Shared = Omit<CompareOptions, "methods" | "seeds" | "firstSeed" | "out">;
type Place = Pick<Cell, "method" | "seed">;
/** What all cells are planned with, and who hears of it. */
interface Planning {
  readonly given: Shared;
  readonly say: (line: string) => void;
}

const MOST_SEEDS = 1000;

/** @throws PenumbraError "bad-input" for numbers that count or name no seeds */
export function seedsOf(seeds = 3, firstSeed = 0): number[] {
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > MOST_SEEDS)
    throw badInput(`seeds is ${seeds}; expected how many seeds, a whole number from 1 to ${MOST_SEEDS}`);
  if (!Number.isInteger(firstSeed) || firstSeed < 0)
    throw badInput(`the first seed is ${firstSeed}; expected a whole number of 0 or more`);
  return Array.from({ length: seeds }, (_, i) => firstSeed + i);
}

export interface Asked {
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
}

/**
 * The cells asked for and what else of the directory is done, in the order of the table: as asked for, or where more is there
 * as in the earlier table with the new methods behind; each method's seeds in their order.
 * @throws PenumbraError "bad-input" when any run that is there, done or not, is of other settings or data.
 */
export async function planCells(given: Shared, { methods, seeds }: Asked, out: string): Promise<Cell[]> {
  checkSet(given.set);
  const shared = { given, say: eachLineOnce(given.onStatus) };
  const asked = methods.flatMap((method) => seeds.map((seed): Place => ({ method, seed })));
  const isAsked = (place: Place) =>
    asked.some(({ method, seed }) => method === place.method && seed === place.seed);
  const others = runsIn(out).filter((place) => !isAsked(place));
  const cells: Cell[] = [];
  for (const place of asked) cells.push(await planCell(shared, place, out));
  for (const place of others) cells.push(await planOther(shared, place, out));
  cells.forEach(checkSame);
  const unbegun = cells.find(({ run }) => !isRun(run));
  if (unbegun) for (const tensor of initialWeights(unbegun.expected.config).values()) tensor.dispose();
  const isMore = others.some(({ method }) => !methods.includes(method));
  const order = isMore ? [...earlierOrder(out), ...others.map(({ method }) => method), ...methods] : methods;
  return cells
    .filter((cell) => isAsked(cell) || isDone(cell))
    .sort((a, b) => order.indexOf(a.method) - order.indexOf(b.method) || a.seed - b.seed);
}

/** What is said of the data is said for every cell. */
function eachLineOnce(say: Shared["onStatus"]): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (!said.has(line)) say?.(line);
    said.add(line);
  };
}

/** Methods of the table that is there; none where there is none, or it is damaged. */
function earlierOrder(out: string): string[] {
  try {
    const text = readTextFile(join(out, "comparison.json"), "a comparison");
    return (parseJson(text) as Comparison).methods.map(({ method }) => method);
  } catch {
    return [];
  }
}

/** A run that nobody asked for, whose method may not even go with these settings. */
async function planOther(shared: Planning, place: Place, out: string): Promise<Cell> {
  try {
    return await planCell(shared, place, out);
  } catch (cause) {
    if (!(cause instanceof PenumbraError && cause.code === "bad-input")) throw cause;
    const run = runOf(out, place.method, place.seed);
    throw badInput(
      `${run} is there and was trained with other settings (${cause.message}); compare into another --out, or repeat those settings`,
      cause,
    );
  }
}

const runOf = (out: string, method: string, seed: number): string =>
  join(out, RUNS_FOLDER, method, `seed-${seed}`);

function checkSet(set: readonly string[] = []): void {
  const given: [key: string, instead: string][] = [
    ["seed", "--seeds and --first-seed"],
    ["method", "--methods"],
  ];
  for (const [key, instead] of given)
    if (askedFor({ set }, key) !== undefined)
      throw badInput(`--set ${key}: a comparison gives every run its ${key}; use ${instead}`);
}

/** Every run that is there, in the order of the catalogue. */
function runsIn(out: string): Place[] {
  return METHOD_NAMES.flatMap((method) => {
    const folder = join(out, RUNS_FOLDER, method);
    const names = isDirectory(folder) ? readdirSync(folder) : [];
    return names.flatMap((name) => {
      const [, seed] = /^seed-(\d+)$/.exec(name) ?? [];
      return seed !== undefined && isRun(join(folder, name)) ? { method, seed: Number(seed) } : [];
    });
  });
}

async function planCell({ given, say }: Planning, { method, seed }: Place, out: string): Promise<Cell> {
  const data = resolve(given.data);
  const training = { ...given, data, method, set: [...(given.set ?? []), `seed=${seed}`] };
  const run = runOf(out, method, seed);
  const { config, dataset } = await planTraining(
    { ...training, onStatus: say },
    { checksMemory: !isRun(run) },
  );
  const { cache } = preparationOf(given);
  const scored = await contentsOf(scoredOf(dataset), cache);
  const contents = await contentsOf([...dataset.labeled, ...dataset.unlabeled], cache);
  const initial = initialSum(config);
  const precision = precisionOf(config);
  const expected = { config, precision, contents, initial, scored, ...caseLists(dataset) };
  const { beginsAs } = methodEntry(method);
  const beginWith = beginsAs ? [runOf(out, beginsAs, seed)] : [];
  return { method, seed, run, beginWith, training, expected };
}

function scoredOf(dataset: Dataset): CaseFiles[] {
  const scored = dataset.test.filter(({ labelPath }) => labelPath !== null);
  if (scored.length === 0)
    throw badInput(
      `${dataset.dir} has no label for any of its ${dataset.test.length} test cases, so nothing could be compared; add labels (labelsTs), or take labeled training cases as the test cases`,
    );
  return scored;
}
