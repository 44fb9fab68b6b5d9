import { parentPort } from "node:worker_threads";
import { type CaseJob, doCaseJob } from "./case-job.js";
import { failureOf, type ThreadFailure } from "./thread-failure.js";

/** A job's answer. */
export type CaseAnswer = { readonly done: unknown } | { readonly failed: ThreadFailure };

async function answer(job: CaseJob): Promise<CaseAnswer> {
  try {
    return { done: await doCaseJob(job) };
  } catch (error) {
    return { failed: failureOf(error) };
  }
}

parentPort?.on("message", async (job: CaseJob) => parentPort?.postMessage(await answer(job)));
