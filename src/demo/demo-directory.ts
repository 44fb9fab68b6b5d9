import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { badInput } from "../errors.js";
import { hasContent, makeDirectory, ofOut } from "../files/directory.js";
import { FileLock } from "../files/file-lock.js";
import { writeText } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";

/** A demo's directory holds this file from its first moment on: only then may a later demo replace it. */
export const MARKER = ".penumbra-demo";

/** Says which process works in a demo's directory. */
const LOCK = ".lock";

/**
 * Makes the demo's directory anew: what an earlier demo left there is removed. Returns the lock that keeps others out.
 * @throws PenumbraError "bad-input" when it holds anything that is not a demo's; nothing in it is touched. "environment"
 *   when a demo works there, or what is there can't be removed
 */
export function freshDemoDirectory(dir: string): FileLock {
  if (hasContent(dir) && !existsSync(join(dir, MARKER)))
    throw badInput(
      `${dir} is not empty and was not made by the demo, so it is not replaced; name another directory with --out`,
    );
  makeDirectory(dir);
  const lock = FileLock.take(join(dir, LOCK));
  try {
    for (const name of readdirSync(dir).filter((one) => !one.startsWith(LOCK)))
      rmSync(join(dir, name), { recursive: true });
  } catch (cause) {
    lock.release();
    throw ofOut(writeFailure(dir, cause, "can't be replaced"));
  }
  writeText(join(dir, MARKER), "Made by penumbra demo, which replaces this directory when it runs again.\n");
  return lock;
}
