import { parentPort, workerData } from "node:worker_threads";
import { type Batch, type BatchOptions, makeBatch } from "./batch.js";

/** What a worker is asked: the batch of an iteration. */
export interface WorkerRequest {
  readonly iteration: number;
}

/** Its answer; answers come in the order of the requests. */
export type WorkerReply = { readonly batch: Batch } | { readonly error: unknown };

const options = workerData as BatchOptions;

function answer({ iteration }: WorkerRequest): void {
  let batch: Batch;
  try {
    batch = makeBatch(options, iteration);
  } catch (error) {
    parentPort?.postMessage({ error } satisfies WorkerReply);
    return;
  }
  const buffers = [batch.images, batch.labels, batch.region].map(({ buffer }) => buffer as ArrayBuffer);
  parentPort?.postMessage({ batch } satisfies WorkerReply, buffers);
}

parentPort?.on("message", answer);
