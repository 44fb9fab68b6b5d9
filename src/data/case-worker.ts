import { parentPort } from "node:worker_threads";
import { type ErrorCode, PenumbraError } from "../errors.js";
import { type CaseJob, doCaseJob } from "./case-job.js";

/** A job's answer; errors keep their code on the way between threads. */
export type CaseAnswer =
  | { readonly done: unknown }
  | { readonly failed: { readonly message: string; readonly code: ErrorCode | null } };

async function answer(job: CaseJob): Promise<CaseAnswer> {
  try {
    return { done: await doCaseJob(job) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { failed: { message, code: error instanceof PenumbraError ? error.code : null } };
  }
}

parentPort?.on("message", async (job: CaseJob) => parentPort?.postMessage(await answer(job)));
