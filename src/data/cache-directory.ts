import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where prepared cases are kept when nobody says otherwise: ~/.cache/penumbra, or penumbra in the folder that
 * XDG_CACHE_HOME names, which the caller passes on.
 */
export const defaultCacheDir = (xdgCacheHome?: string): string =>
  join(xdgCacheHome || join(homedir(), ".cache"), "penumbra");
