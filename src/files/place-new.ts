import { constants, copyFileSync, linkSync } from "node:fs";
import { systemCodeOf } from "./system-error.js";

/** What file systems say that know no hard links. */
const NO_LINKS = ["EPERM", "ENOTSUP", "ENOSYS"];

/** Makes `path` with the content of `source`; false when it is there already. Whole at once where links are known. */
export function placeNew(source: string, path: string): boolean {
  try {
    linkSync(source, path);
  } catch (error) {
    if (systemCodeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.includes(systemCodeOf(error))) throw error;
    try {
      copyFileSync(source, path, constants.COPYFILE_EXCL);
    } catch (again) {
      if (systemCodeOf(again) === "EEXIST") return false;
      throw again;
    }
  }
  return true;
}
