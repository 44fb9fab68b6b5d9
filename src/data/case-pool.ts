import { Worker } from "node:worker_threads";
import { PenumbraError } from "../errors.js";
import { type CaseJob, type CaseResult, doCaseJob } from "./case-job.js";
import type { CaseAnswer } from "./case-worker.js";
import { errorOf } from "./thread-failure.js";

export interface PoolOptions {
  /** Threads that work side by side; 0: the calling thread does one job after another. */
  readonly workers: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, id: string) => void;
}

/** Ends a pass over cases that was stopped. */
export const interrupted = (done: number, total: number) =>
  new PenumbraError(
    "interrupted",
    `stopped after ${done} of ${total} cases; what is done is kept, run the same command again to go on`,
  );

/**
 * Does jobs side by side and gives their results in the jobs' order. The first failure, or `signal`, ends the others;
 * results that are kept in files stay.
 * @throws what a job throws; PenumbraError "interrupted" by `signal`.
 */
export async function doCaseJobs<J extends CaseJob>(
  jobs: readonly J[],
  { workers, signal, onProgress }: PoolOptions,
): Promise<CaseResult<J>[]> {
  const results: CaseResult<J>[] = new Array(jobs.length);
  let [next, done] = [0, 0];
  /** Takes jobs from the common list until there is none. */
  const work = async (doJob: (job: J) => Promise<CaseResult<J>>) => {
    while (next < jobs.length) {
      if (signal?.aborted) throw interrupted(done, jobs.length);
      const at = next++;
      results[at] = await doJob(jobs[at]!);
      onProgress?.(++done, jobs.length, jobs[at]!.files.id);
    }
  };
  if (workers === 0) {
    await work(doCaseJob);
    return results;
  }
  const threads = Array.from({ length: Math.min(workers, jobs.length) }, () => new CaseThread());
  const stop = () => threads.forEach((thread) => void thread.fail(interrupted(done, jobs.length)));
  signal?.addEventListener("abort", stop);
  try {
    await Promise.all(threads.map((thread) => work((job) => thread.do(job))));
  } finally {
    signal?.removeEventListener("abort", stop);
    await Promise.all(threads.map((thread) => thread.end()));
  }
  return results;
}

/** A worker thread that does one job at a time. */
class CaseThread {
  readonly #worker = new Worker(new URL("./case-worker.js", import.meta.url));
  #reject: ((reason: Error) => void) | null = null;

  constructor() {
    this.#worker.on("error", (cause) => this.fail(new Error(`a worker failed: ${cause}`, { cause })));
    this.#worker.on("exit", (code) => this.fail(new Error(`a worker ended (exit code ${code})`)));
  }

  do<J extends CaseJob>(job: J): Promise<CaseResult<J>> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#worker.once("message", (answer: CaseAnswer) => {
        this.#reject = null;
        if ("done" in answer) return resolve(answer.done as CaseResult<J>);
        reject(errorOf(answer.failed));
      });
      this.#worker.postMessage(job);
    });
  }

  fail(reason: Error): void {
    this.#reject?.(reason);
    this.#reject = null;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
