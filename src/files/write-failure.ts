import { type ErrorCode, PenumbraError } from "../errors.js";
import { machineReason, systemCodeOf } from "./system-error.js";

/** What the system's codes about a path to write to mean to a person, and whose they are: the machine's or the path's. */
const REASONS: Record<string, readonly [ErrorCode, string]> = {
  EFBIG: ["environment", "the file would be larger than this process may write (ulimit -f)"],
  EACCES: ["environment", "this user may not write there; change the permissions, or choose another place"],
  EPERM: ["environment", "this user may not write there; change the permissions, or choose another place"],
  ENOENT: ["bad-input", "its directory is not there"],
  ENOTDIR: ["bad-input", "a part of its path is a file"],
  EEXIST: ["bad-input", "a file has that name"],
  EISDIR: ["bad-input", "a directory has that name"],
  ENAMETOOLONG: ["bad-input", "the name is too long"],
};

/** A path that can't be written: code "environment" where the machine is to blame, else "bad-input". */
export class WriteError extends PenumbraError {}

/** The system's error about a path, in a person's words. */
export function writeFailure(path: string, cause: unknown, what = "can't be written"): WriteError {
  const code = systemCodeOf(cause);
  const machine = machineReason(cause);
  const [kind, reason] = machine
    ? (["environment", machine] as const)
    : (REASONS[code] ?? (["environment", (cause as Error).message] as const));
  return new WriteError(kind, `${path}: ${what}: ${reason}${code && ` (${code})`}`, { cause });
}
