import { badInput, PenumbraError } from "../errors.js";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";
import { nested } from "./config-layers.js";

/**
 * The config keys of a JSON file, in sections, not yet checked; {"stage1.iterations": 100} is read as
 * {"stage1": {"iterations": 100}}.
 * @throws PenumbraError "bad-input" when it can't be read as JSON, or gives a key twice
 */
export function readConfigFile(path: string): unknown {
  try {
    return nested(parseJson(readTextFile(path, "a JSON file of config keys")));
  } catch (cause) {
    if (cause instanceof PenumbraError) throw cause;
    throw badInput(`${path} can't be read as JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}
