import { readFileSync } from "node:fs";
import { badInput } from "../errors.js";

/** A JSON file of config keys, not yet checked. @throws PenumbraError "bad-input" when it can't be read as JSON */
export function readConfigFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw badInput(`${path} can't be read as JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}
