import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeFailure } from "./write-failure.js";

/** Below the 2 GiB that one write call may carry. */
const CHUNK_BYTES = 1 << 30;
const TEMPORARY = /\.[\da-f]{1,8}\.tmp$/;

/** A name under which a file is written until it is whole, and which no other thread or process takes. */
export const temporaryName = (path: string): string => `${path}.${randomUUID().slice(0, 8)}.tmp`;

/**
 * Writes a file so that a reader sees the old one or the whole new one, never a part: temporary name in the same folder,
 * fsync, rename, fsync of the folder. Leaves nothing behind where it fails.
 * @throws PenumbraError "environment" (disk full, no permission) or "bad-input" (no such folder), naming the path.
 */
export function writeWholeFile(path: string, parts: Iterable<Uint8Array>): void {
  const temporary = temporaryName(path);
  try {
    writeSynced(temporary, parts);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    discard(temporary);
    throw writeFailure(path, error);
  }
}

/** A value as indented JSON in a whole file. */
export const writeJson = (path: string, value: unknown): void =>
  writeWholeFile(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);

/** Text in a whole file. */
export const writeText = (path: string, text: string): void => writeWholeFile(path, [Buffer.from(text)]);

/** Removes a file that is of no use. Where that fails, too, the trouble before it is what there is to say. */
export function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

/** Whether a file is what a killed process left of a file it was writing. */
export const isLeftover = (name: string): boolean => TEMPORARY.test(name);

/** Removes what killed processes left in a folder. Only for a folder that no other process is writing in. */
export function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder).filter(isLeftover)) discard(join(folder, name));
}

function writeSynced(path: string, parts: Iterable<Uint8Array>): void {
  const file = openSync(path, "w");
  try {
    for (const part of parts) writeBytes(file, part);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

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
