/** Thrown where a step meets numbers that are not finite before it has a loss. The step is skipped and counted. */
export class NotFiniteError extends Error {
  override readonly name = "NotFiniteError";
  /** @param what the quantity, in the words of the log: "features". */
  constructor(readonly what: string) {
    super(`${what} are not finite`);
  }
}
