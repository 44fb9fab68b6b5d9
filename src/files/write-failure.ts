import { type ErrorCode, PenumbraError } from "../errors.js";

/** What the system's error codes mean to a person, and whose they are: the machine's or the given path's. */
const REASONS: Record<string, readonly [ErrorCode, string]> = {
  ENOSPC: ["environment", "the disk is full; free some space"],
  EDQUOT: ["environment", "the disk quota is used up; free some space"],
  EFBIG: ["environment", "the file would be larger than this process may write (ulimit -f)"],
  EROFS: ["environment", "the file system is read-only; mount it for writing, or choose another place"],
  EACCES: ["environment", "this user may not write there; change the permissions, or choose another place"],
  EPERM: ["environment", "this user may not write there; change the permissions, or choose another place"],
  EIO: ["environment", "the disk reports an error; check it"],
  EMFILE: ["environment", "too many files are open (ulimit -n)"],
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
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const [kind, reason] = REASONS[code] ?? ["environment", message];
  return new WriteError(kind, `${path}: ${what}: ${reason}${code && ` (${code})`}`, { cause });
}
