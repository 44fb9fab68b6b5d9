import type { CaseFiles, Dataset } from "../data/dataset.js";
import { PenumbraError } from "../errors.js";

/** What is asked for by a name that nothing has: answered as 404. */
export class NotThere extends PenumbraError {
  constructor(message: string) {
    super("bad-input", message);
  }
}

/** @throws NotThere */
export function caseOf({ dir, labeled, unlabeled, test }: Dataset, id: string): CaseFiles {
  const found = [...labeled, ...unlabeled, ...test].find((files) => files.id === id);
  if (!found) throw new NotThere(`${dir}: no case ${id}`);
  return found;
}
