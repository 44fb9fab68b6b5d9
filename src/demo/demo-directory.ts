import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { badInput } from "../errors.js";
import { hasContent, makeDirectory, ofOut } from "../files/directory.js";
import { writeText } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";

/** A demo's directory holds this file from its first moment on: only then may a later demo replace it. */
export const MARKER = ".penumbra-demo";

/**
 * Makes the demo's directory anew: what an earlier demo left there is removed.
 * @throws PenumbraError "bad-input" when it holds anything that is not a demo's; nothing in it is touched. "environment"
 *   when it can't be removed.
 */
export function freshDemoDirectory(dir: string): void {
  if (hasContent(dir)) {
    if (!existsSync(join(dir, MARKER)))
      throw badInput(
        `${dir} is not empty and was not made by the demo, so it is not replaced; name another directory with --out`,
      );
    try {
      rmSync(dir, { recursive: true });
    } catch (cause) {
      throw ofOut(writeFailure(dir, cause, "can't be replaced"));
    }
  }
  makeDirectory(dir);
  writeText(join(dir, MARKER), "Made by penumbra demo, which replaces this directory when it runs again.\n");
}
