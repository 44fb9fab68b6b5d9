import { contentOf } from "../data/case-cache.js";
import type { CaseFiles } from "../data/dataset.js";

/** What the files of each case hold, by the case's name: the first digits of a SHA-256. */
export type CaseContents = Readonly<Record<string, string>>;

const DIGITS = 16;

/** Of the cases that a run trains on; files that were read before and not touched since are not read again. */
export async function contentsOf(
  { labeled, unlabeled }: Readonly<Record<"labeled" | "unlabeled", readonly CaseFiles[]>>,
  cache: string,
): Promise<CaseContents> {
  const contents: Record<string, string> = {};
  for (const files of [...labeled, ...unlabeled])
    contents[files.id] = (await contentOf(files, cache)).slice(0, DIGITS);
  return contents;
}

/** The first case whose files are other ones than they were; null where there is none, or nothing is known of then. */
export const firstChanged = (then: CaseContents = {}, now: CaseContents): string | null =>
  Object.keys(now).find((id) => then[id] !== undefined && then[id] !== now[id]) ?? null;
