import { constants, copyFileSync, linkSync } from "node:fs";

export const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;
/** What file systems say that know no hard links. */
const NO_LINKS = ["EPERM", "ENOTSUP", "ENOSYS"];

/** Makes `path` with the content of `source`; false when it is there already. Whole at once where links are known. */
export function placeNew(source: string, path: string): boolean {
  try {
    linkSync(source, path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!NO_LINKS.includes(codeOf(error) ?? "")) throw error;
    try {
      copyFileSync(source, path, constants.COPYFILE_EXCL);
    } catch (again) {
      if (codeOf(again) === "EEXIST") return false;
      throw again;
    }
  }
  return true;
}
