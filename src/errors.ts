/** What went wrong, as the command line reports it; its exit code is in `EXIT_CODES`. */
export type ErrorCode = "bad-input" | "environment" | "interrupted";

/** 1 is left to bugs: anything thrown that is not a `PenumbraError`. */
export const EXIT_CODES: Record<ErrorCode, number> = { "bad-input": 2, environment: 3, interrupted: 130 };

/** An error a person can act on: one line that says what, where, what was expected and how to fix it. */
export class PenumbraError extends Error {
  override readonly name = "PenumbraError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Input that can't be used as it is (exit code 2). */
export const badInput = (message: string, cause?: unknown) =>
  new PenumbraError("bad-input", message, { cause });
