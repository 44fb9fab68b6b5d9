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

/** The path of the data file that a header names; bad input when it isn't a plain name beside the header or below. */
export function besideHeader(header: string, name: string): string {
  const parts = name.split(/[\\/]/);
  if (name.startsWith("/") || /^[a-z]:/i.test(name) || parts.includes("..")) {
    throw badInput(
      `${header}: names its voxels ${JSON.stringify(name)}, which leads out of its folder; put ${basename(name)} beside it and name it alone`,
    );
  }
  return join(dirname(header), ...parts);
}
