import { prepareIntoCache } from "./case-cache.js";
import { type CaseFacts, surveyIntoCache } from "./case-facts.js";
import type { StoredCase } from "./case-file.js";
import type { CaseFiles } from "./dataset.js";
import type { PrepareOptions } from "./prepare.js";
import { type WriteOrder, writePrepared } from "./write-prepared.js";

/** What is done with one case, in whatever thread. */
export type CaseJob = PrepareJob | SurveyJob | WriteJob;

export interface PrepareJob {
  readonly kind: "prepare";
  readonly files: CaseFiles;
  readonly options: PrepareOptions;
  readonly cache: string;
}

export interface SurveyJob {
  readonly kind: "survey";
  readonly files: CaseFiles;
  readonly channels: number;
  readonly cache: string;
}

export interface WriteJob extends WriteOrder {
  readonly kind: "write";
}

/** What a job gives: the case's file, its facts, or whether something was written. */
export type CaseResult<J extends CaseJob> = J extends PrepareJob
  ? StoredCase
  : J extends SurveyJob
    ? CaseFacts
    : boolean;

function start(job: CaseJob): Promise<StoredCase | CaseFacts | boolean> {
  switch (job.kind) {
    case "prepare":
      return prepareIntoCache(job.files, job.options, job.cache);
    case "survey":
      return surveyIntoCache(job.files, job.channels, job.cache);
    case "write":
      return writePrepared(job);
  }
}

/** Does a job. Bad input: what the job's own function refuses. */
export const doCaseJob = <J extends CaseJob>(job: J): Promise<CaseResult<J>> =>
  start(job) as Promise<CaseResult<J>>;
