import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { PenumbraError } from "../errors.js";
import { writeText } from "../files/whole-file.js";
import { packageVersion } from "../version.js";
import { percentiles } from "../volume/percentiles.js";
import type { Grid, LabelMap, Triple } from "../volume/volume.js";
import { makeCacheFolder } from "./cache-directory.js";
import { contentOf, knownContent } from "./case-cache.js";
import { sha256OfText } from "./content-hash.js";
import type { CaseFiles } from "./dataset.js";
import { imagePathsOf } from "./image-paths.js";
import { meanAndDeviation } from "./normalize.js";
import { inAxisOrder } from "./prepare.js";
import {
  areBothPlaced,
  channelName,
  checkFinite,
  checkSameGrid,
  labelOffset,
  placeOf,
  type RawCase,
  readCase,
} from "./read-case.js";

/** Intensities of some voxels. */
export interface IntensityFacts {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** The 0.5th, 50th and 99.5th percentile. */
  readonly percentiles: readonly [number, number, number];
}

/** A class of a label map: its number, its voxels, and where the first of them is, as x, y, z in the file. */
export interface ClassFacts {
  readonly value: number;
  readonly voxels: number;
  readonly first: Triple;
}

/** What is known of a channel. */
export interface ChannelFacts {
  readonly intensity: IntensityFacts;
  /** Share of the voxels over 0. */
  readonly positiveShare: number;
}

/** What is known of a case's image. */
export interface ImageFacts {
  readonly shape: Triple;
  readonly spacingMm: Triple | null;
  /** The same along the axes as the file stores them. */
  readonly stored: { readonly shape: Triple; readonly spacingMm: Triple | null };
  /** Of shape and intensities, so that the same image in another file has the same. */
  readonly hash: string;
  readonly channels: readonly ChannelFacts[];
}

/** A case as its files are, axes in RAS order, before any preparation. */
export interface CaseFacts {
  /** Null when it can't be read, or a channel has no finite voxel. */
  readonly image: ImageFacts | null;
  /** Classes that occur, background included; null where there is no label or it can't be read. */
  readonly classes: readonly ClassFacts[] | null;
  /** Intensities, in the first channel, of the voxels that are no background; null where there are none. */
  readonly foreground: IntensityFacts | null;
  /** How far the label lies from the image, in voxels along an axis; null where there is no label, or not both say where they lie. */
  readonly labelOffset: number | null;
  /** What preparation would refuse, one line each. */
  readonly problems: readonly string[];
}

/** Raise it when facts gain a field or change their meaning. */
const FORM = 7;
const PERCENTS = [0.5, 50, 99.5] as const;

/** Of the values that are finite; null where none is. */
function intensityOf(all: Float32Array): IntensityFacts | null {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let odd = 0;
  for (let i = 0; i < all.length; i++) {
    const value = all[i]!;
    if (!Number.isFinite(value)) odd++;
    else {
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (odd === all.length) return null;
  const values = odd > 0 ? all.filter(Number.isFinite) : all;
  const [low, middle, high] = percentiles(values, PERCENTS) as [number, number, number];
  return { min, max, ...meanAndDeviation(values, null), percentiles: [low, middle, high] };
}

function classesOf({ grid, data: label }: LabelMap): ClassFacts[] {
  const counts = new Float64Array(256);
  const first = new Float64Array(256).fill(-1);
  for (let i = 0; i < label.length; i++) {
    const value = label[i]!;
    if (counts[value]!++ === 0) first[value] = i;
  }
  return [...counts.keys()]
    .filter((value) => counts[value]! > 0)
    .map((value) => ({ value, voxels: counts[value]!, first: placeOf(first[value]!, grid.shape) }));
}

function channelFacts(data: Float32Array): ChannelFacts | null {
  const intensity = intensityOf(data);
  let positive = 0;
  for (let i = 0; i < data.length; i++) if (data[i]! > 0) positive++;
  return intensity && { intensity, positiveShare: positive / data.length };
}

/** Null where a channel holds nothing but NaN and infinities. */
function imageFacts({ grid, channels }: RawCase, stored: Grid): ImageFacts | null {
  const facts = channels.flatMap((data) => channelFacts(data) ?? []);
  if (facts.length < channels.length) return null;
  const hash = createHash("sha256").update(grid.shape.join());
  for (const { buffer, byteOffset, byteLength } of channels)
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return {
    shape: grid.shape,
    spacingMm: grid.spacingMm,
    stored: { shape: stored.shape, spacingMm: stored.spacingMm },
    hash: hash.digest("hex"),
    channels: facts,
  };
}

/** The line of a refusal. Bugs, and what is the machine's matter, are thrown on. */
function refusal(error: unknown): string {
  if (error instanceof PenumbraError && error.code === "bad-input") return error.message;
  throw error;
}

/** What checks refuse, a line each. */
const refusalsOf = (checks: readonly (() => void)[]): string[] =>
  checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (error) {
      return [refusal(error)];
    }
  });

/** Reads a case of so many channels and says what it holds. A case that can't be read is a fact too, and no error. */
export async function surveyCase(files: CaseFiles, count: number): Promise<CaseFacts> {
  const raw = await readCase(files, count).catch(refusal);
  if (typeof raw === "string")
    return { image: null, classes: null, foreground: null, labelOffset: null, problems: [raw] };
  const turned = inAxisOrder(raw, "RAS");
  const { grid, channels, label } = turned;
  const problems = refusalsOf([
    ...channels.map((data, i) => () => checkFinite(data, channelName(files, i, count))),
    () => label && checkSameGrid(grid, label.grid, areBothPlaced(raw), files),
  ]);
  const [first] = channels as [Float32Array];
  const inside =
    label && label.data.length === first.length ? first.filter((_, i) => label.data[i] !== 0) : null;
  return {
    image: imageFacts(turned, raw.grid),
    classes: raw.label && classesOf(raw.label),
    foreground: inside && inside.length > 0 ? intensityOf(inside) : null,
    labelOffset: labelOffset(raw),
    problems,
  };
}

function factsPath(files: CaseFiles, count: number, content: string, cache: string): string {
  const paths = [...imagePathsOf(files), files.labelPath];
  const key = sha256OfText([FORM, packageVersion(), content, count, ...paths].join("\n"));
  return join(cache, "facts", key.slice(0, 2), `${key}.json`);
}

const triple = z.tuple([z.number(), z.number(), z.number()]);
const intensityFacts = z.object({
  min: z.number(),
  max: z.number(),
  mean: z.number(),
  deviation: z.number(),
  percentiles: triple,
});
const sizes = z.object({ shape: triple, spacingMm: triple.nullable() });

/** `CaseFacts` as the cache holds them. */
const schema: z.ZodType<CaseFacts> = z.object({
  image: sizes
    .extend({
      stored: sizes,
      hash: z.string(),
      channels: z.array(z.object({ intensity: intensityFacts, positiveShare: z.number() })),
    })
    .nullable(),
  classes: z.array(z.object({ value: z.number(), voxels: z.number(), first: triple })).nullable(),
  foreground: intensityFacts.nullable(),
  labelOffset: z.number().nullable(),
  problems: z.array(z.string()),
});

/** Null where there are none, or what is there are no facts. */
function readFacts(path: string): CaseFacts | null {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}

/** Facts that were found before; null where they were not, or the files have changed since. */
export async function findFacts(files: CaseFiles, count: number, cache: string): Promise<CaseFacts | null> {
  const content = await knownContent(files, cache);
  return content === null ? null : readFacts(factsPath(files, count, content, cache));
}

/** Surveys a case, keeping its facts in the cache. Bad input: a file that can't be opened, a cache that can't be written. */
export async function surveyIntoCache(files: CaseFiles, count: number, cache: string): Promise<CaseFacts> {
  const path = factsPath(files, count, await contentOf(files, cache), cache);
  const known = readFacts(path);
  if (known) return known;
  const facts = await surveyCase(files, count);
  makeCacheFolder(dirname(path));
  writeText(path, `${JSON.stringify(facts)}\n`);
  return facts;
}
