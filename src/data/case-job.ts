import { prepareIntoCache } from "./case-cache.js";
import { type CaseFacts, surveyIntoCache } from "./case-facts.js";
import type { StoredCase } from "./case-file.js";
import type { CaseFiles } from "./dataset.js";
import type { PrepareOptions } from "./prepare.js";

/** What is done with one case, in whatever thread. */
export type CaseJob = PrepareJob | SurveyJob;

export interface PrepareJob {
  readonly kind: "prepare";
  readonly files: CaseFiles;
  readonly options: PrepareOptions;
  readonly cache: string;
}

export interface SurveyJob {
  readonly kind: "survey";
  readonly files: CaseFiles;
  readonly cache: string;
}

export type CaseResult<J extends CaseJob> = J extends PrepareJob ? StoredCase : CaseFacts;

/** Does a job. Bad input: what the job's own function refuses. */
export function doCaseJob<J extends CaseJob>(job: J): Promise<CaseResult<J>> {
  const result: Promise<StoredCase | CaseFacts> =
    job.kind === "prepare"
      ? prepareIntoCache(job.files, job.options, job.cache)
      : surveyIntoCache(job.files, job.cache);
  return result as Promise<CaseResult<J>>;
}
