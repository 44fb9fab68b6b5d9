import { expect } from "vitest";
import { PenumbraError } from "./errors.js";

/** What `work` is refused with; fails when it is not refused, or with anything but a `PenumbraError`. */
export function refusal(work: () => unknown): PenumbraError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(PenumbraError);
    return error as PenumbraError;
  }
  throw new Error("nothing was refused");
}

/** The one line of it that a person reads. */
export const complaint = (work: () => unknown): string => refusal(work).message;
