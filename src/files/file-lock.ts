import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { PenumbraError } from "../errors.js";
import { placeNew } from "./place-new.js";
import { type Life, lifeOf, type ProcessIdentity, thisProcess } from "./process-identity.js";
import { systemCodeOf } from "./system-error.js";
import { saysAbsent } from "./there.js";
import { discard } from "./whole-file.js";
import { writeFailure } from "./write-failure.js";

const textOf = (path: string): string | null => {
  try {
    return statSync(path).isFile() ? readFileSync(path, "utf8") : "";
  } catch (error) {
    if (saysAbsent(error)) return null;
    throw writeFailure(path, error, "can't be read");
  }
};

/** Who took a lock, and in which folder: a copy of a folder is nobody's. Locks of earlier versions lack the folder. */
interface Owner extends ProcessIdentity {
  readonly folder?: string;
}

/** A folder's number in its file system, which a copy has not. */
const inodeOf = (folder: string): string => String(statSync(folder, { bigint: true }).ino);

const lifeOfLock = (owner: Owner, folder: string): Life => {
  const life = lifeOf(owner);
  return life === "alive" && (owner.folder ?? folder) !== folder ? "dead" : life;
};

function ownerIn(text: string): Owner | null {
  try {
    const owner = JSON.parse(text) as Owner | null;
    return typeof owner?.pid === "number" && typeof owner.host === "string" ? owner : null;
  } catch {
    return null;
  }
}

function heldBy(path: string, owner: Owner | null, alive: boolean): PenumbraError {
  const who = owner ? `process ${owner.pid} on ${owner.host}` : "a process that can't be told";
  const wayOut = alive
    ? "wait for it to end, or stop it"
    : `if it is surely gone, remove the file and try again`;
  return new PenumbraError("environment", `${path}: in use by ${who}; ${wayOut}`);
}

/** Moves a dead owner's lock out of the way. False when another process was quicker: what was there is put back. */
function removeStale(path: string, judged: string): boolean {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return true;
    throw error;
  }
  const same = textOf(aside) === judged;
  if (!same) placeNew(aside, path);
  rmSync(aside, { force: true });
  return same;
}

/** A file that says which process something belongs to. It holds until `release`, or until its process is gone. */
export class FileLock {
  private constructor(
    readonly path: string,
    readonly text: string,
  ) {}

  /**
   * Takes a lock; that of a process that is gone is taken over, and `onTakeOver` hears whose it was.
   * @throws PenumbraError "environment" when a process has it that runs, or that can't be seen from here.
   */
  static take(path: string, onTakeOver: (owner: ProcessIdentity) => void = () => {}): FileLock {
    const mine = `${path}.${process.pid}.claim`;
    try {
      const folder = inodeOf(dirname(path));
      const text = `${JSON.stringify({ ...thisProcess(), folder, lock: randomUUID() })}\n`;
      writeFileSync(mine, text);
      while (!placeNew(mine, path)) {
        const there = textOf(path);
        if (there === null) continue; // released just now
        const owner = ownerIn(there);
        const life = owner ? lifeOfLock(owner, folder) : "unknown";
        if (!owner || life !== "dead") throw heldBy(path, owner, life === "alive");
        if (removeStale(path, there)) onTakeOver(owner);
      }
      return new FileLock(path, text);
    } catch (error) {
      throw error instanceof PenumbraError ? error : writeFailure(path, error);
    } finally {
      discard(mine);
    }
  }

  /** Whether a process that runs is known to have a lock. */
  static isTaken(path: string): boolean {
    const owner = ownerIn(textOf(path) ?? "");
    return owner !== null && lifeOfLock(owner, inodeOf(dirname(path))) === "alive";
  }

  /** Whether the lock is still there and still this one: not when the directory was removed or another took it. */
  held(): boolean {
    return textOf(this.path) === this.text;
  }

  /** Where the file can't be read or removed it says, from now on, that its process is gone. */
  release(): void {
    try {
      if (this.held()) discard(this.path);
    } catch {}
  }
}
