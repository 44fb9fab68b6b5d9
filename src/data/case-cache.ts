import { dirname, join } from "node:path";
import { packageVersion } from "../version.js";
import { makeCacheFolder } from "./cache-directory.js";
import { openCaseFile, type StoredCase, writeCaseFile } from "./case-file.js";
import { contentHash, rememberedHash, sha256OfText } from "./content-hash.js";
import type { CaseFiles } from "./dataset.js";
import { imagePathsOf } from "./image-paths.js";
import { type PrepareOptions, prepareRaw } from "./prepare.js";
import { readCase } from "./read-case.js";

/** Raise it when the same options make other voxels, or the file's form changes. */
const FORM = 1;

/** Options in one order and with every default written out, so that equal choices give equal text. */
export const settingsText = (options: PrepareOptions): string =>
  JSON.stringify([
    options.classes,
    options.normalization,
    options.normalizeOver ?? "volume",
    options.windowHu ?? null,
    options.windowPercentiles ?? null,
    options.regionMask,
    options.axisOrder ?? "RAS",
    options.spacingMm ?? null,
    options.spacingMm
      ? [options.imageInterpolation ?? "linear", options.labelInterpolation ?? "nearest"]
      : null,
    options.crop ?? "none",
    ...(options.crop && options.crop !== "none"
      ? [options.cropMargin ?? [0, 0, 0], options.cropAtLeast ?? [1, 1, 1]]
      : []),
    ...((options.channels ?? 1) > 1 ? [{ channels: options.channels }] : []),
  ]);

/** How a path's content is named: by reading it, or only where that was done before. */
type HashOf<T, M> = (path: string, memory: M) => Promise<T>;

async function caseHash<T extends string | null, M extends string | null>(
  files: CaseFiles,
  memory: M,
  hashOf: HashOf<T, M>,
): Promise<string | null> {
  const { imagePath, labelPath } = files;
  const images: (string | null)[] = [];
  for (const path of imagePathsOf(files)) images.push(await hashOf(path, memory));
  const image = images.includes(null) ? null : images.join("+");
  const label = labelPath === null ? "" : labelPath === imagePath ? image : await hashOf(labelPath, memory);
  return image === null || label === null ? null : sha256OfText(`${image},${label}`);
}

const memoryIn = (cache: string): string => join(cache, "digests");

/** A case's content, read where a cache does not know it yet. Bad input: a file that can't be opened. */
export const contentOf = async (files: CaseFiles, cache: string | null): Promise<string> =>
  (await caseHash(files, cache === null ? null : memoryIn(cache), contentHash))!;

/** A case's content where it is known without reading its files. */
export const knownContent = (files: CaseFiles, cache: string): Promise<string | null> =>
  caseHash(files, memoryIn(cache), rememberedHash);

/** The file of a case prepared so: its name follows from content, settings and version, so nothing else is ever there. */
function pathOf(content: string, options: PrepareOptions, cache: string): string {
  const key = sha256OfText([FORM, packageVersion(), content, settingsText(options)].join("\n"));
  return join(cache, "cases", key.slice(0, 2), `${key}.safetensors`);
}

/** A case that was prepared before; null where it was not, or its files or settings have changed since. */
export async function findPrepared(
  files: CaseFiles,
  options: PrepareOptions,
  cache: string,
): Promise<StoredCase | null> {
  const content = await knownContent(files, cache);
  return content === null ? null : openCaseFile(pathOf(content, options, cache), files.id);
}

/** Prepares a case into the cache unless it is there. Bad input as `prepareCase`, and a cache that can't be written. */
export async function prepareIntoCache(
  files: CaseFiles,
  options: PrepareOptions,
  cache: string,
): Promise<StoredCase> {
  const path = pathOf(await contentOf(files, cache), options, cache);
  const found = openCaseFile(path, files.id);
  if (found) return found;
  const prepared = prepareRaw(await readCase(files, options.channels), files, options);
  makeCacheFolder(dirname(path));
  writeCaseFile(path, prepared);
  const written = openCaseFile(path, files.id);
  if (!written) throw new Error(`${path}: just written, but not whole`);
  return written;
}
