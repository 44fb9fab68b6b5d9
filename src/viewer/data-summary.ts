import { readCorrections } from "../data/corrections.js";
import { openDataset } from "../data/dataset.js";
import type { DataSummary } from "./api.js";
import type { Place } from "./catalogue.js";

/** A data directory as lists show it. @throws PenumbraError "bad-input" as `openDataset`. */
export async function dataSummary({ id, name, dir }: Place): Promise<DataSummary> {
  const { classNames, labeled, unlabeled, test } = await openDataset(dir);
  const corrected = await readCorrections(dir);
  return {
    id,
    name,
    dir,
    classNames,
    labeled: labeled.length,
    unlabeled: unlabeled.length,
    test: test.length,
    corrected: corrected.size,
  };
}
