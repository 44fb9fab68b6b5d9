/** Text from a file that can't be trusted, for an error's one line: short, and without control characters. */
export const shown = (text: string): string =>
  (text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "?");
