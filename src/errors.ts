/** What went wrong, as the command line reports it; its exit code is in `EXIT_CODES`. */
export type ErrorCode = "bad-input" | "environment" | "interrupted";

/** 1 is left to bugs: anything thrown that is not a `PenumbraError`. */
export const EXIT_CODES: Record<ErrorCode, number> = { "bad-input": 2, environment: 3, interrupted: 130 };

/** Longest message: it may quote what a file holds. */
const MAX_LETTERS = 2000;

/** Text that may come from a file nobody vouches for, safe to show on a terminal: no line breaks, control or direction characters. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]+/gu, "\ufffd");

/** Whether tables and terminals can show a name as it is, and something of it. */
export const isShowable = (name: string): boolean => name.trim() !== "" && printable(name) === name;

const oneLine = (message: string): string =>
  printable(message.length > MAX_LETTERS ? `${message.slice(0, MAX_LETTERS)}…` : message);

/** An error a person can act on: one line that says what, where, what was expected and how to fix it. */
export class PenumbraError extends Error {
  override readonly name = "PenumbraError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(oneLine(message), options);
  }
}

/** Input that can't be used as it is (exit code 2). */
export const badInput = (message: string, cause?: unknown) =>
  new PenumbraError("bad-input", message, { cause });

const NAMES_SHOWN = 5;

/** "a, b and 3 more": the first few names of a list. */
export const shortList = (names: readonly string[]): string => {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
};
