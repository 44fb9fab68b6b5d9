import { existsSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { WriteJob } from "../data/case-job.js";
import { doCaseJobs, interrupted } from "../data/case-pool.js";
import type { PrepareOptions } from "../data/prepare.js";
import { threadsFor } from "../data/prepare-set.js";
import { removeStale } from "../data/write-prepared.js";
import { badInput, PenumbraError } from "../errors.js";
import { hasContent, makeDirectories } from "../files/directory.js";
import { parseJson } from "../files/json.js";
import { isThere } from "../files/there.js";
import { writeJson, writeText } from "../files/whole-file.js";
import { prepareOptions, resolveConfig } from "../training/config.js";
import { nearestName } from "../training/nearest-name.js";
import { caseProgress } from "../training/training-data.js";
import { colon, decathlon } from "./decathlon.js";
import { leftAtrium } from "./left-atrium.js";
import { pancreas } from "./pancreas.js";
import type { RawMember, RawOptions, RawSet, Recipe } from "./recipe.js";

/** All recipes by the name that --recipe takes. */
export const RECIPES: Readonly<Record<string, Recipe>> = { la: leftAtrium, pancreas, colon, decathlon };

export interface PrepareRecipeOptions {
  readonly recipe: string;
  /** What the data's owners hand out. */
  readonly raw: string;
  /** A new directory, or one that the same recipe left unfinished. */
  readonly out: string;
  /** A file with the ids of the test cases, one a line, instead of the recipe's own split. */
  readonly testList?: string;
  /** "data.spacingMm=[1,1,1]" */
  readonly set?: readonly string[];
  /** Threads, each with a case; 0: one case after another. Left out: one for each core. */
  readonly workers?: number;
  /** Follow symbolic links that lead out of the raw data's folder. */
  readonly allowLinks?: boolean;
  readonly signal?: AbortSignal;
  readonly onStatus?: (line: string) => void;
  readonly onProgress?: (done: number, total: number, id: string) => void;
}

const FOLDERS = { training: ["imagesTr", "labelsTr"], test: ["imagesTs", "labelsTs"] } as const;
const MARKER = "preparation.json";

function recipeOf(name: string): Recipe {
  const recipe = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (recipe) return recipe;
  const names = Object.keys(RECIPES);
  throw badInput(
    `unknown recipe "${name}"; did you mean "${nearestName(name, names)}"? recipes: ${names.join(", ")}`,
  );
}

/** What began a directory. Records of before raw data were named in them have none. */
interface Beginning {
  readonly recipe?: unknown;
  readonly raw?: unknown;
}

/** Undefined where no recipe began a directory, or its note is damaged. */
function beginningOf(marker: string): Beginning | undefined {
  try {
    return (parseJson(readFileSync(marker, "utf8")) as Beginning | null) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Only a new directory is written into, or one that the same recipe began from the same raw data. True where it is new. */
function claim(out: string, recipe: string, raw: string): boolean {
  const marker = join(out, MARKER);
  if (hasContent(out)) {
    const begun = beginningOf(marker);
    if (begun?.recipe !== recipe)
      throw badInput(
        `${out} is not empty and was not begun by recipe ${recipe}; name a new directory with --out`,
      );
    if ((begun.raw ?? raw) !== raw)
      throw badInput(`${out} was made from ${begun.raw}, not from ${raw}; name a new directory with --out`);
    return false; // what it says of a finished set holds until the raw data were found again
  }
  makeDirectories(out);
  begin(out, recipe, raw); // stopped while it looks at the raw data, it is gone on with
  return true;
}

const begin = (out: string, recipe: string, raw: string): void =>
  writeText(join(out, MARKER), `${JSON.stringify({ recipe, raw, finished: false })}\n`);

function readIds(path: string): string[] {
  try {
    return readFileSync(path, "utf8")
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== "");
  } catch (cause) {
    throw badInput(
      `${path}: can't be read (${(cause as Error).message}); expected case names, one a line`,
      cause,
    );
  }
}

const placeOf = ({ part, files }: RawMember, kind: 0 | 1) => `${FOLDERS[part][kind]}/${files.id}.nii.gz`;

/** dataset.json in the Decathlon's layout; written last, so that a set that has it is whole. */
function writeDescription(out: string, set: RawSet): void {
  const members = (part: RawMember["part"]) => set.members.filter((member) => member.part === part);
  const description = {
    name: set.name,
    reference: set.reference,
    modality: Object.fromEntries(set.channelNames.map((name, i) => [i, name])),
    labels: Object.fromEntries(set.classNames.map((name, i) => [i, name])),
    training: members("training").map((member) => ({
      image: placeOf(member, 0),
      ...(member.files.labelPath && { label: placeOf(member, 1) }),
    })),
    test: members("test").map((member) => placeOf(member, 0)),
  };
  writeText(join(out, "dataset.json"), `${JSON.stringify(description, null, 2)}\n`);
}

/** The recipe's settings with what --set changes. */
function settingsFor({ classNames, channelNames, config }: RawSet, set: readonly string[]): PrepareOptions {
  const auto = { ...config, inference: { stride: [1, 1, 1] as [number, number, number] } }; // fits any patch
  return prepareOptions(
    resolveConfig({
      classes: classNames.length,
      inputChannels: channelNames.length,
      auto,
      set,
    }),
  );
}

/** The raw set and how its cases are prepared: all that can be refused before a case is read. */
async function understood(recipe: Recipe, raw: string, options: RawOptions) {
  const found = await recipe.find(raw, options);
  return { found, shared: settingsFor(found, options.set) };
}

const isInterrupted = (error: unknown): boolean =>
  error instanceof PenumbraError && error.code === "interrupted";

/** Leaves nothing in a new directory of a set that was refused, so that another recipe may begin there. */
function forget(out: string, memory: string, wasThere: boolean): void {
  rmSync(memory, { recursive: true, force: true });
  rmSync(join(out, MARKER), { force: true });
  if (!wasThere && !hasContent(out)) rmdirSync(out);
}

function jobsOf(
  { members, repair, repairOf, perCase }: RawSet,
  shared: PrepareOptions,
  out: string,
  memory: string,
): WriteJob[] {
  return members.map((member) => ({
    kind: "write",
    files: member.files,
    options: perCase?.(shared, member.files.id) ?? shared,
    repair: repairOf?.(repair, member.files.id) ?? repair,
    imageOut: join(out, placeOf(member, 0)),
    labelOut: join(out, placeOf(member, 1)),
    memory,
  }));
}

/**
 * Makes a set in the Decathlon's layout from what its owners hand out: out/imagesTr, labelsTr, imagesTs, labelsTs,
 * dataset.json and preparation.json (recipe, settings, notes). Cases are prepared side by side; run again after a stop or
 * a change of settings, only what is missing or different is made, and what it made of cases that are now elsewhere is removed. Returns the number of cases that were made.
 * @throws PenumbraError "bad-input": an unknown recipe, raw data not in their layout, an `out` with other content;
 *   "interrupted" by `signal`.
 */
export async function prepareRecipe(options: PrepareRecipeOptions): Promise<number> {
  const status = options.onStatus ?? (() => {});
  const recipe = recipeOf(options.recipe);
  const out = resolve(options.out);
  const testIds = options.testList ? readIds(options.testList) : null;
  const raw = resolve(options.raw);
  if (!isThere(raw)) throw badInput(`${raw}: no such file or folder; name the raw data by --in`);
  const wasThere = existsSync(out);
  const isNew = claim(out, options.recipe, raw);
  const memory = join(out, ".prepared");
  const scratch = join(memory, "unpacked");
  const look = caseProgress("looked at", status);
  const { found, shared } = await understood(recipe, raw, {
    testIds,
    scratch,
    cache: memory,
    workers: options.workers,
    set: options.set ?? [],
    allowLinks: options.allowLinks ?? false,
    signal: options.signal,
    onLook: (done, total) => {
      if (options.signal?.aborted) throw interrupted(done, total);
      look(done, total);
    },
  }).catch((error) => {
    if (isNew && !isInterrupted(error)) forget(out, memory, wasThere);
    throw error;
  });
  begin(out, options.recipe, raw);
  for (const note of found.notes) status(note);
  const jobs = jobsOf(found, shared, out, memory);
  rmSync(join(out, "dataset.json"), { force: true }); // until every case is of these settings
  removeStale(jobs, memory, status);
  const written = await doCaseJobs(jobs, {
    workers: await threadsFor(
      jobs.map(({ files }) => files),
      options.workers,
      shared,
    ),
    signal: options.signal,
    onProgress: options.onProgress,
  });
  writeDescription(out, found);
  const record = { recipe: options.recipe, raw, finished: true, preparation: shared, notes: found.notes };
  writeJson(join(out, MARKER), record);
  rmSync(scratch, { recursive: true, force: true });
  return written.filter(Boolean).length;
}
