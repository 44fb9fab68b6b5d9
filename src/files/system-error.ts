import { PenumbraError } from "../errors.js";

/** Codes of the system that say something of the machine and nothing of a path, and what a person can do. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space",
  EDQUOT: "the disk quota is used up; free some space",
  EROFS: "the file system is read-only; mount it for writing, or choose another place",
  EIO: "the disk reports an error; check it",
  EMFILE: "too many files are open (ulimit -n)",
  ENFILE: "too many files are open on this machine; close programs that hold them",
  ENOMEM: "the memory is full; close other programs",
};

/** The system's code of an error or of what caused it, as "ENOENT"; "" where there is none. */
export function systemCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const { code = "" } = error as NodeJS.ErrnoException;
  return /^E[A-Z0-9]+$/.test(code) ? code : systemCodeOf(error.cause);
}

/** What a person can do where the machine is to blame, whatever was read or written; null where it is not. */
export const machineReason = (error: unknown): string | null => REASONS[systemCodeOf(error)] ?? null;

/** Throws on where a path can't be read for a reason that says nothing of the path. */
export function throwIfMachine(path: string, cause: unknown): void {
  const reason = machineReason(cause);
  if (reason === null) return;
  throw new PenumbraError("environment", `${path}: can't be read: ${reason} (${systemCodeOf(cause)})`, {
    cause,
  });
}
