import type { Worker } from "node:worker_threads";
import { PenumbraError } from "../errors.js";
import type { Batch } from "./batch.js";
import type { WorkerReply, WorkerRequest } from "./loader-worker.js";

interface Request {
  readonly iteration: number;
  readonly resolve: (batch: Batch) => void;
  readonly reject: (reason: unknown) => void;
}

export interface BatchThreadOptions {
  readonly start: () => Worker;
  /** What an iteration's batch is made of, for messages. */
  readonly casesOf: (iteration: number) => readonly string[];
  readonly onWarning: (line: string) => void;
}

/**
 * A worker thread that makes batches one after the other. One that dies is started again and asked again for what it
 * owed; a batch on which it dies twice is given up.
 */
export class BatchThread {
  #worker: Worker | null = null;
  /** Not yet answered, in the order they were asked for, which is the order of the answers. */
  #requests: Request[] = [];
  /** The iteration at which the thread died last. */
  #diedAt: number | null = null;

  constructor(readonly options: BatchThreadOptions) {}

  /** The batch of an iteration. Rejects with what making it threw, or naming its cases when the thread dies of it. */
  ask(iteration: number): Promise<Batch> {
    const batch = new Promise<Batch>((resolve, reject) =>
      this.#requests.push({ iteration, resolve, reject }),
    );
    batch.catch(() => {}); // one that was asked for ahead may never be taken
    if (this.#worker) this.#post(iteration);
    else this.#start();
    return batch;
  }

  /** Ends the thread; what was asked for is rejected. */
  async close(reason: Error): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    for (const { reject } of this.#requests) reject(reason);
    this.#requests = [];
    worker?.ref(); // its end is waited for
    await worker?.terminate();
  }

  #post(iteration: number): void {
    this.#worker!.ref(); // wait for the answer even if nothing else keeps the process alive
    this.#worker!.postMessage({ iteration } satisfies WorkerRequest);
  }

  #start(): void {
    const worker = this.options.start();
    this.#worker = worker;
    let cause: unknown;
    worker.on("message", (reply: WorkerReply) => this.#answer(worker, reply));
    worker.on("error", (error) => {
      cause = error;
    });
    worker.on("exit", (code) => {
      if (worker === this.#worker) this.#died(cause ?? new Error(`exit code ${code}`));
    });
    for (const { iteration } of this.#requests) this.#post(iteration);
  }

  #answer(worker: Worker, reply: WorkerReply): void {
    if (worker !== this.#worker) return; // closed: its end is waited for, whatever it still sends
    const request = this.#requests.shift();
    if (this.#requests.length === 0) worker.unref(); // an idle thread doesn't keep the process alive
    if ("batch" in reply) request?.resolve(reply.batch);
    else request?.reject(reply.error);
  }

  #died(cause: unknown): void {
    this.#worker = null;
    const [current] = this.#requests;
    if (!current) return; // started again when it is needed
    const { iteration, reject } = current;
    const cases = this.options.casesOf(iteration).join(", ");
    const what = `loader: a worker died (${cause}) while it made iteration ${iteration}'s batch of cases ${cases}`;
    if (this.#diedAt === iteration) {
      this.#requests.shift();
      reject(
        new PenumbraError("environment", `${what}, twice; check these cases and the free memory`, { cause }),
      );
    } else {
      this.options.onWarning(`${what}; it is started again`);
    }
    this.#diedAt = iteration;
    if (this.#requests.length > 0) this.#start();
  }
}
