import { badInput } from "../errors.js";
import { FileBytes } from "./file-bytes.js";

/** More than any list or configuration; less than the longest text that JavaScript holds. */
const MAX_TEXT_BYTES = 2 ** 28;

/**
 * A whole file as text; what is no UTF-8 becomes U+FFFD.
 * @param wanted what the file should be, for errors: "a JSON file"
 * @throws PenumbraError "bad-input" naming the file: missing, unreadable, not a regular file, over 256 MiB
 */
export function readTextFile(path: string, wanted: string): string {
  const file = new FileBytes(path, wanted);
  try {
    if (file.size <= MAX_TEXT_BYTES) return new TextDecoder().decode(file.read(0, file.size));
    throw badInput(`${path}: ${file.size} bytes, too many for ${wanted}`);
  } finally {
    file.close();
  }
}
