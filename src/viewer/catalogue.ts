import { existsSync, readdirSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { badInput } from "../errors.js";
import { readRun } from "../training/run-directory.js";
import type { RunRecord } from "../training/run-record.js";

/** A directory with a name that is safe in a URL. */
export interface Place {
  readonly id: string;
  readonly name: string;
  readonly dir: string;
}

export type Kind = "run" | "data" | "comparison";
const MARKERS: readonly (readonly [string, Kind])[] = [
  ["run.json", "run"],
  ["dataset.json", "data"],
  ["train.list", "data"],
  ["comparison.json", "comparison"],
];

const MOST_DEEP = 4;
const MOST_FOLDERS = 5000;
/** How long a walk through the directories is believed. */
const FRESH_MS = 2000;

/** Runs, data and comparisons below a directory; data that a run names is found wherever it lies. */
export class Catalogue {
  readonly root: string;
  #walkedAt = Number.NEGATIVE_INFINITY;
  #places: Record<Kind, readonly Place[]> = { run: [], data: [], comparison: [] };
  #problems: string[] = [];

  /** @throws PenumbraError "bad-input" when the directory is not there or holds nothing to show. */
  constructor(dir: string) {
    this.root = resolve(dir);
    if (!existsSync(this.root))
      throw badInput(`${dir}: no such directory; name a run, a data directory or one above them`);
    if (this.runs.length + this.data.length + this.comparisons.length === 0) {
      throw badInput(
        `${dir}: no run (run.json) and no data (dataset.json, train.list) in it or up to ${MOST_DEEP} levels below; train first, or name another directory`,
      );
    }
  }

  get runs(): readonly Place[] {
    return this.#fresh().run;
  }
  get data(): readonly Place[] {
    return this.#fresh().data;
  }
  get comparisons(): readonly Place[] {
    return this.#fresh().comparison;
  }
  get problems(): readonly string[] {
    this.#fresh();
    return this.#problems;
  }
  /** Where files may come from. */
  get roots(): string[] {
    return [...this.runs, ...this.data, ...this.comparisons].map(({ dir }) => dir);
  }

  find(kind: Kind, id: string): Place | undefined {
    return this.#fresh()[kind].find((place) => place.id === id);
  }

  /** A run's data: where its record says, else, where nothing is there any more, the only ones here that hold all its cases. */
  dataOf({ data, labeled, unlabeled }: Pick<RunRecord, "data" | "labeled" | "unlabeled">): Place | undefined {
    if (data === "") return undefined; // of imported weights
    const named = this.data.find(({ dir }) => dir === resolve(data));
    if (named || existsSync(data)) return named;
    const holding = this.data.filter(({ dir }) => holdsImages(dir, [...labeled, ...unlabeled]));
    return holding.length === 1 ? holding[0] : undefined;
  }

  #fresh(): Record<Kind, readonly Place[]> {
    if (performance.now() - this.#walkedAt < FRESH_MS) return this.#places;
    this.#walkedAt = performance.now();
    this.#problems = [];
    const found = walk(this.root);
    for (const run of found.run) {
      const data = this.#dataNamedBy(run);
      if (data && !found.data.some(({ dir }) => dir === data)) found.data.push(placeAt(this.root, data));
    }
    this.#places = found;
    return found;
  }

  #dataNamedBy({ dir }: Place): string | null {
    try {
      const { data } = readRun(dir).run; // "" of imported weights
      return data !== "" && kindOf(resolve(data)) === "data" ? resolve(data) : null;
    } catch (error) {
      this.#problems.push((error as Error).message);
      return null;
    }
  }
}

/** Whether a data directory has an image by the name of each case; told by file names alone. */
function holdsImages(dir: string, ids: readonly string[]): boolean {
  const inLists = !existsSync(join(dir, "dataset.json"));
  const names = inLists ? foldersIn(dir).map((path) => basename(path)) : filesIn(join(dir, "imagesTr"));
  const isImageOf = (id: string) => (name: string) =>
    name === id || name.startsWith(`${id}.`) || name.startsWith(`${id}_0000.`);
  return ids.every((id) => names.some(isImageOf(id)));
}

function filesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

const kindOf = (dir: string): Kind | null =>
  MARKERS.find(([name]) => existsSync(join(dir, name)))?.[1] ?? null;

/** "runs/demo/aua" below "runs/demo" -> id "aua"; the root itself "~demo"; what lies elsewhere has its whole path. */
function placeAt(root: string, dir: string): Place {
  const path = relative(root, dir);
  if (path === "") return { id: `~${basename(dir)}`, name: basename(dir), dir };
  const inside = path !== ".." && !path.startsWith(`..${sep}`);
  const id = (inside ? path : dir).split(sep).join("~");
  return { id, name: inside ? path : basename(dir), dir };
}

/** Breadth first, so that a directory of thousands gives its nearest; runs are not searched for more. */
function walk(root: string): Record<Kind, Place[]> {
  const found: Record<Kind, Place[]> = { run: [], data: [], comparison: [] };
  let level = [root];
  let seen = 0;
  for (let depth = 0; depth <= MOST_DEEP && level.length > 0; depth++) {
    const next: string[] = [];
    for (const dir of level) {
      const kind = kindOf(dir);
      if (kind) found[kind].push(placeAt(root, dir));
      if (kind !== "run" && kind !== "data" && seen < MOST_FOLDERS) next.push(...foldersIn(dir));
    }
    seen += next.length;
    level = next;
  }
  return found;
}

function foldersIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|checkpoints$)/.test(entry.name))
      .map(({ name }) => join(dir, name))
      .sort();
  } catch {
    return []; // not readable: nothing to show from it
  }
}
