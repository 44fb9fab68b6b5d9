import { badInput, PenumbraError } from "../errors.js";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";

/** The config keys of a JSON file, not yet checked. @throws PenumbraError "bad-input" when it can't be read as JSON */
export function readConfigFile(path: string): unknown {
  try {
    return parseJson(readTextFile(path, "a JSON file of config keys"));
  } catch (cause) {
    if (cause instanceof PenumbraError) throw cause;
    throw badInput(`${path} can't be read as JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}
