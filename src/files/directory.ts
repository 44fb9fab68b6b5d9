import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { badInput, PenumbraError } from "../errors.js";
import { writeFailure } from "./write-failure.js";

export const isDirectory = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** Node's own way never ends where a directory is there but takes no new ones and calls that "not found", as /proc does. */
function make(dir: string): void {
  if (isDirectory(dir)) return;
  const above = dirname(dir);
  if (above !== dir && !existsSync(above)) make(above);
  try {
    mkdirSync(dir);
  } catch (error) {
    if (!isDirectory(dir)) throw error; // another process made it meanwhile
  }
}

/** Makes a directory and those above it. @throws PenumbraError "bad-input" or "environment" when it can't be made */
export function makeDirectories(dir: string): void {
  try {
    make(dir);
  } catch (cause) {
    throw writeFailure(dir, cause, "can't be made a directory");
  }
}

/** Trouble with a directory that a person named with --out, or could have. */
export const ofOut = (cause: PenumbraError): PenumbraError =>
  new PenumbraError(cause.code, `${cause.message}; name another with --out`, { cause });

/** As `makeDirectories`, for a directory that a person named with --out. */
export function makeDirectory(dir: string): void {
  try {
    makeDirectories(dir);
  } catch (cause) {
    throw cause instanceof PenumbraError ? ofOut(cause) : cause;
  }
}

/** Looks whether a directory that a person named with --out can be made, or written into. @throws as `makeDirectory` */
export function checkCanBeMade(dir: string): void {
  let there = dir;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  if (existsSync(there) && !isDirectory(there))
    throw badInput(`${dir}: can't be made a directory: ${there} is a file; name another with --out`);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw ofOut(writeFailure(dir, cause));
  }
}

/** Whether a directory holds something; false when it is not there. @throws PenumbraError "bad-input" for a file. */
export function hasContent(dir: string): boolean {
  if (!existsSync(dir)) return false;
  if (!statSync(dir).isDirectory()) throw badInput(`${dir} is a file: name a new directory with --out`);
  return readdirSync(dir).length > 0;
}
