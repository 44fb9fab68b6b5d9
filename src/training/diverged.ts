import { PenumbraError } from "../errors.js";

/** A training whose loss stayed not finite: given up, and no other seed or checkpoint is put in its place. */
export class DivergedError extends PenumbraError {
  constructor(message: string) {
    super("bad-input", message);
  }
}
