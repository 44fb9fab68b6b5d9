import { homedir } from "node:os";
import { join } from "node:path";
import { PenumbraError } from "../errors.js";
import { makeDirectories } from "../files/directory.js";

/**
 * Where prepared cases are kept when nobody says otherwise: penumbra in the user's cache folder, which is
 * XDG_CACHE_HOME where that is set, else ~/.cache.
 */
export const defaultCacheDir = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "penumbra");

/** Makes a folder of the cache. @throws PenumbraError "bad-input" or "environment" when it can't be made, with the way out */
export const makeCacheFolder = (dir: string): void => orAnotherCache(() => makeDirectories(dir));

/** Writes in the cache; where that fails, the error names the way out. */
export function orAnotherCache(write: () => void): void {
  try {
    write();
  } catch (cause) {
    if (!(cause instanceof PenumbraError)) throw cause;
    throw new PenumbraError(cause.code, `${cause.message}; name another cache with --cache`, { cause });
  }
}
