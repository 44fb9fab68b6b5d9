import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { badInput } from "../errors.js";
import { systemCodeOf, throwIfMachine } from "./system-error.js";

const ABSENT = new Set(["ENOENT", "ENOTDIR"]);
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "this user may not look there; change its permissions, or those of a folder above it",
  ELOOP: "its symbolic links lead in a circle; remove them",
};

/** Whether an error, or what caused it, says that nothing is at its path. */
export const saysAbsent = (error: unknown): boolean => ABSENT.has(systemCodeOf(error));

function complain(path: string, cause: unknown): never {
  throwIfMachine(path, cause);
  const code = systemCodeOf(cause);
  throw badInput(
    `${path}: can't be read: ${REASONS[code] ? `${REASONS[code]} (${code})` : (cause as Error).message}`,
    cause,
  );
}

/**
 * What `look`, such as `stat`, finds at a path; null where nothing is there.
 * @throws PenumbraError where that can't be told: "environment" where the machine is to blame, else "bad-input"
 */
export const ifThere = <T>(path: string, look: (path: string) => Promise<T>): Promise<T | null> =>
  look(path).catch((cause) => (saysAbsent(cause) ? null : complain(path, cause)));

/** Names in a folder; none where none is there. @throws PenumbraError as `ifThere` */
export const namesIfThere = async (folder: string): Promise<string[]> =>
  (await ifThere(folder, (path) => readdir(path))) ?? [];

/** Whether something is at a path. @throws PenumbraError as `ifThere` */
export function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (cause) {
    return saysAbsent(cause) ? false : complain(path, cause);
  }
}
