import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Below the 2 GiB that one write call may carry. */
const CHUNK_BYTES = 1 << 30;

/**
 * Writes a file so that a reader sees the old one or the whole new one, never a part: temporary name in the same folder,
 * fsync, rename, fsync of the folder. Throws the system's error where writing fails, and leaves nothing behind.
 */
export function writeWholeFile(path: string, parts: Iterable<Uint8Array>): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "w");
  try {
    try {
      for (const part of parts) writeBytes(file, part);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** A value as indented JSON in a whole file. */
export const writeJson = (path: string, value: unknown): void =>
  writeWholeFile(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);

function writeBytes(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, Math.min(CHUNK_BYTES, bytes.length - done));
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
