import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { badInput, PenumbraError } from "../errors.js";
import { hasContent, makeDirectory, ofOut } from "../files/directory.js";
import { FileLock } from "../files/file-lock.js";
import { writeText } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";

/** A demo's directory holds this file from its first moment on: only then may a later demo replace it. */
export const MARKER = ".penumbra-demo";

/** While a demo works there; the next may replace what a dead one left. */
const LOCK = ".lock";

/**
 * Makes the demo's directory anew: what an earlier demo left there is removed.
 * @throws PenumbraError "bad-input" when it holds anything that is not a demo's; nothing in it is touched. "environment"
 *   when it can't be removed, or a demo works there. Returns the lock that says that this one does.
 */
export function freshDemoDirectory(dir: string): FileLock {
  if (hasContent(dir)) {
    if (!existsSync(join(dir, MARKER)))
      throw badInput(
        `${dir} is not empty and was not made by the demo, so it is not replaced; name another directory with --out`,
      );
    if (FileLock.isTaken(join(dir, LOCK)))
      throw new PenumbraError(
        "environment",
        `${dir}: a demo is working there; wait for it, or name another --out`,
      );
    try {
      rmSync(dir, { recursive: true });
    } catch (cause) {
      throw ofOut(writeFailure(dir, cause, "can't be replaced"));
    }
  }
  makeDirectory(dir);
  writeText(join(dir, MARKER), "Made by penumbra demo, which replaces this directory when it runs again.\n");
  return FileLock.take(join(dir, LOCK));
}
