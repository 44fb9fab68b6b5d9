import { printable } from "../errors.js";

/** A name from a file that can't be trusted, short and safe to show. */
export const shown = (text: string): string => printable(text.length > 80 ? `${text.slice(0, 80)}…` : text);
