import { type ErrorCode, PenumbraError } from "../errors.js";

/** An error on its way between threads, which would lose its class and code. */
export interface ThreadFailure {
  readonly message: string;
  /** Null for a bug. */
  readonly code: ErrorCode | null;
}

export const failureOf = (error: unknown): ThreadFailure => ({
  message: error instanceof Error ? error.message : String(error),
  code: error instanceof PenumbraError ? error.code : null,
});

export const errorOf = ({ message, code }: ThreadFailure): Error =>
  code ? new PenumbraError(code, message) : new Error(message);
