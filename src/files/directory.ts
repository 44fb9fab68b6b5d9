import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { badInput, PenumbraError } from "../errors.js";
import { writeFailure } from "./write-failure.js";

/** Makes a directory and those above it. @throws PenumbraError "bad-input" or "environment" when it can't be made. */
export function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (cause) {
    const { code, message } = writeFailure(dir, cause, "can't be made a directory");
    throw new PenumbraError(code, `${message}; name another with --out`, { cause });
  }
}

/** Whether a directory holds something; false when it is not there. @throws PenumbraError "bad-input" for a file. */
export function hasContent(dir: string): boolean {
  if (!existsSync(dir)) return false;
  if (!statSync(dir).isDirectory()) throw badInput(`${dir} is a file: name a new directory with --out`);
  return readdirSync(dir).length > 0;
}
