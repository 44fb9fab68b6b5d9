import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { badInput } from "../errors.js";
import { readRaw, type StoredFile } from "./stored-file.js";

/** Headers of text before voxels; longer ones are taken for damage. */
const MAX_HEADER_BYTES = 1 << 20;
const FIRST_LOOK_BYTES = 1 << 13;

/** A header of text and where it ends in the file. */
export interface TextHeader {
  readonly text: string;
  readonly end: number;
}

/**
 * Reads a header that ends where `end` matches in it (the match belongs to the header), or with the file if
 * `openEnded`. Bad input: no end within 1 MiB.
 */
export async function readTextHeader(file: StoredFile, end: RegExp, openEnded: boolean): Promise<TextHeader> {
  for (const length of [FIRST_LOOK_BYTES, MAX_HEADER_BYTES]) {
    const text = Buffer.from(await readRaw(file, 0, length)).toString("latin1");
    const match = end.exec(text);
    if (match)
      return { text: text.slice(0, match.index + match[0].length), end: match.index + match[0].length };
    if (openEnded && text.length === file.size) return { text, end: text.length };
  }
  throw badInput(`${file.path}: its header has no end; the file is cut short or damaged`);
}

/** Longer names no file system has. */
const MAX_NAME = 255;
/** No control characters, which a damaged name is full of. */
const PRINTABLE = /^[^\p{Cc}]+$/u;

/** Headers are read a byte a letter; file names are UTF-8 nearly everywhere. */
function asUtf8(latin: string): string {
  const text = Buffer.from(latin, "latin1").toString("utf8");
  return text.includes("\ufffd") ? latin : text;
}

/**
 * The path of the data file that a header names. Bad input: not a plain name beside the header or below, or nothing
 * there.
 */
export async function besideHeader(header: string, latin: string): Promise<string> {
  const name = asUtf8(latin);
  const parts = name.split(/[\\/]/);
  const said = JSON.stringify(name.slice(0, MAX_NAME));
  if (!PRINTABLE.test(name) || parts.some((part) => part.length > MAX_NAME)) {
    throw badInput(`${header}: names its voxels ${said}, which is no file name; the header is damaged`);
  }
  if (name.startsWith("/") || /^[a-z]:/i.test(name) || parts.includes("..")) {
    throw badInput(
      `${header}: names its voxels ${said}, which leads out of its folder; put ${basename(name)} beside it and name it alone`,
    );
  }
  const path = join(dirname(header), ...parts);
  if ((await stat(path).catch(() => null))?.isFile()) return path;
  throw badInput(`${header}: its voxels should be in ${path}, which is missing; put both in one folder`);
}
