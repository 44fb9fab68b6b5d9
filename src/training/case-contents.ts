import { contentOf } from "../data/case-cache.js";
import type { CaseFiles } from "../data/dataset.js";

/** What the files of each case hold, by the case's name: the first digits of a SHA-256. */
export type CaseContents = Readonly<Record<string, string>>;

const DIGITS = 16;

/** Files that a cache has seen before and that were not touched since are not read again; without one all are read. */
export async function contentsOf(cases: readonly CaseFiles[], cache: string | null): Promise<CaseContents> {
  const contents: Record<string, string> = {};
  for (const files of cases) contents[files.id] = (await contentOf(files, cache)).slice(0, DIGITS);
  return contents;
}

/** The first case whose files are other ones than they were; null where there is none, or nothing is known of then. */
export const firstChanged = (then: CaseContents = {}, now: CaseContents): string | null =>
  Object.keys(now).find((id) => then[id] !== undefined && then[id] !== now[id]) ?? null;
