import { PenumbraError } from "../errors.js";
import { type Handle, type NativeResult, native } from "./libtorch.js";

/** An error that does not say which operator it is from, gets its name; a lack of memory is no bug. */
function explained(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error instanceof PenumbraError) return error;
  if (!error.message.includes(name)) error.message = `${name}: ${error.message}`;
  if (!/out of memory|can't allocate memory/i.test(error.message)) return error;
  const [line] = error.message.split("\n");
  return new PenumbraError("environment", `${line}; free memory, or make patches or batches smaller`, {
    cause: error,
  });
}

/** Runs `work`; its errors get the name of what was called. */
export function named<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explained(error, name);
  }
}

/** Whether an operator gave one tensor. */
export const isHandle = (result: NativeResult): result is Handle =>
  typeof result === "object" && result !== null && !Array.isArray(result);

/** Frees what an operator gave and nobody takes. */
export function free(result: NativeResult): void {
  if (Array.isArray(result)) result.forEach(free);
  else if (isHandle(result)) native().release(result);
}
