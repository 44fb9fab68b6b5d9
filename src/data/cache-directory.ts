import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where prepared cases are kept when nobody says otherwise: penumbra in the user's cache folder, which is
 * XDG_CACHE_HOME where that is set, else ~/.cache.
 */
export const defaultCacheDir = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "penumbra");
