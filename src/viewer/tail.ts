import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

const CHUNK_BYTES = 1 << 20;
const LAST_BYTES = 1 << 16;

/** How far a file was read: which file (a log written anew is another one) and bytes of whole lines. */
export interface Mark {
  readonly file: number;
  readonly bytes: number;
}

export interface Grown {
  /** The file is not the one that was read before: what came from it is to be forgotten. */
  readonly anew: boolean;
  readonly lines: readonly string[];
  readonly mark: Mark;
}

/** A file's handle; null where there is none yet, or something else, such as a pipe, which nobody may write into. */
function openRegular(path: string): number | null {
  try {
    const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (fstatSync(handle).isFile()) return handle;
    closeSync(handle);
  } catch {}
  return null;
}

/**
 * The whole lines that a growing file has beyond `mark`, up to a megabyte at a time; null when there is nothing new. A
 * last line without its end is left for later. A file that was replaced or shortened is read from its start.
 */
export function grownSince(path: string, mark: Mark | null): Grown | null {
  const handle = openRegular(path);
  if (handle === null) return null;
  try {
    const { ino, size } = fstatSync(handle);
    const anew = mark !== null && (mark.file !== ino || size < mark.bytes);
    const from = mark === null || anew ? 0 : mark.bytes;
    const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, size - from));
    const read = readSync(handle, bytes, 0, bytes.length, from);
    const end = bytes.subarray(0, read).lastIndexOf(0x0a) + 1;
    if (end === 0) return anew ? { anew, lines: [], mark: { file: ino, bytes: 0 } } : null;
    const lines = bytes
      .subarray(0, end - 1)
      .toString("utf8")
      .split("\n");
    return { anew, lines, mark: { file: ino, bytes: from + end } };
  } finally {
    closeSync(handle);
  }
}

/** The last whole line of a JSONL file, parsed; null where there is none. */
export function lastLine(path: string): unknown {
  const handle = openRegular(path);
  if (handle === null) return null;
  try {
    const { size } = fstatSync(handle);
    const bytes = Buffer.alloc(Math.min(LAST_BYTES, size));
    readSync(handle, bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes.toString("utf8").split("\n");
    const line = lines.at(-2);
    return line === undefined || (lines.length === 2 && bytes.length < size) ? null : JSON.parse(line);
  } catch {
    return null; // a line that is being written
  } finally {
    closeSync(handle);
  }
}
