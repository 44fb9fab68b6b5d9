import { Worker } from "node:worker_threads";
import { badInput } from "../errors.js";
import { voxelCount } from "../volume/volume.js";
import { type Batch, type BatchOptions, makeBatch, type PatchSource } from "./batch.js";
import type { WorkerReply, WorkerRequest } from "./loader-worker.js";
import { errorOf } from "./thread-failure.js";

export type { AugmentOptions } from "./augment.js";
export { type Batch, type BatchOptions, makeBatch, type PatchSource } from "./batch.js";

export interface LoaderOptions extends BatchOptions {
  /** Threads that make batches; 0: the calling thread makes each when it is asked for. */
  readonly workers: number;
  /** Batches asked of the workers ahead of the one that is waited for. */
  readonly prefetch: number;
}

function checkStream(name: string, cases: readonly PatchSource[], perBatch: number): void {
  if (!Number.isInteger(perBatch) || perBatch < 0)
    throw badInput(`loader: ${perBatch} ${name} patches a batch; expected 0 or more`);
  if (perBatch > 0 && cases.length === 0)
    throw badInput(`loader: ${perBatch} ${name} patches a batch but no ${name} case`);
}

const hasLabel = (source: PatchSource): boolean =>
  "path" in source ? source.offsets.label !== null : source.label !== null;

function checkCase(source: PatchSource): void {
  if ("path" in source) return; // checked when it was opened
  const { id, grid, image, label, region } = source;
  const voxels = voxelCount(grid.shape);
  const off = [image, label, region].find((data) => data !== null && data.length !== voxels);
  if (off)
    throw badInput(`loader: case ${id} has ${off.length} voxels on a grid of [${grid.shape.join(", ")}]`);
}

function check(options: LoaderOptions): void {
  checkStream("labeled", options.labeled, options.labeledPerBatch);
  checkStream("unlabeled", options.unlabeled, options.unlabeledPerBatch);
  if (options.labeledPerBatch + options.unlabeledPerBatch === 0)
    throw badInput("loader: a batch of no patches; expected 1 or more");
  [...options.labeled, ...options.unlabeled].forEach(checkCase);
  const bare = options.labeled.find((source) => !hasLabel(source));
  if (bare) throw badInput(`loader: case ${bare.id} is listed as labeled but has no label`);
  if (!options.patchSize.every((n) => Number.isInteger(n) && n > 0)) {
    throw badInput(`loader: patch size [${options.patchSize.join(", ")}]; expected whole numbers over 0`);
  }
}

interface Request {
  readonly resolve: (batch: Batch) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Batches by iteration, made ahead in worker threads: `next(i)` also asks for i + 1 .. i + prefetch, so they get
 * ready while the calling thread is busy in native code. Iterations may be asked for in any order and again.
 */
export class Loader {
  #waited = 0;
  #asked = 0;
  #failure: Error | null = null;
  /** Batches asked for and not yet taken, by iteration. */
  readonly #ahead = new Map<number, Promise<Batch>>();
  /** Requests not yet answered, by their own number. */
  readonly #requests = new Map<number, Request>();
  readonly #workers: Worker[];
  readonly #options: LoaderOptions;

  /** Bad input: a stream without cases, a labeled case without a label, a patch size that is none. */
  constructor(options: LoaderOptions) {
    check(options);
    this.#options = options;
    this.#workers = Array.from({ length: options.workers }, () => this.#start());
  }

  /** Total time in ms that `next` has kept its callers waiting. */
  get waitedMs(): number {
    return this.#waited;
  }

  /** The batch of an iteration, 0 or more. Rejects when a worker failed (naming the case) or the loader is closed. */
  async next(iteration: number): Promise<Batch> {
    if (this.#failure) throw this.#failure;
    if (!Number.isSafeInteger(iteration) || iteration < 0) {
      throw badInput(`loader: iteration ${iteration}; expected a whole number of 0 or more`);
    }
    const start = performance.now();
    try {
      return await (this.#workers.length === 0 ? makeBatch(this.#options, iteration) : this.#take(iteration));
    } finally {
      this.#waited += performance.now() - start;
    }
  }

  /** Ends the workers; batches still waited for are rejected. */
  async close(): Promise<void> {
    this.#fail(new Error("loader: closed"));
    for (const worker of this.#workers) worker.ref();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #take(iteration: number): Promise<Batch> {
    const last = iteration + this.#options.prefetch;
    for (const ahead of this.#ahead.keys()) if (ahead < iteration || ahead > last) this.#ahead.delete(ahead);
    for (let i = iteration; i <= last; i++) if (!this.#ahead.has(i)) this.#ahead.set(i, this.#ask(i));
    const batch = this.#ahead.get(iteration)!;
    this.#ahead.delete(iteration);
    return batch;
  }

  #ask(iteration: number): Promise<Batch> {
    const number = this.#asked++;
    const worker = this.#workers[number % this.#workers.length]!;
    const batch = new Promise<Batch>((resolve, reject) => this.#requests.set(number, { resolve, reject }));
    batch.catch(() => {}); // one that was asked for ahead may never be taken
    worker.ref(); // wait for the answer even if nothing else keeps the process alive
    worker.postMessage({ number, iteration } satisfies WorkerRequest);
    return batch;
  }

  #start(): Worker {
    const { workers: _, prefetch: __, ...options } = this.#options;
    const worker = new Worker(new URL("./loader-worker.js", import.meta.url), { workerData: options });
    worker.on("message", ({ number, result }: WorkerReply) => {
      const request = this.#requests.get(number);
      this.#requests.delete(number);
      if ("batch" in result) request?.resolve(result.batch);
      else request?.reject(errorOf(result.failed));
      if (this.#requests.size === 0) for (const idle of this.#workers) idle.unref();
    });
    worker.on("error", (cause) => this.#fail(new Error(`loader: a worker failed: ${cause}`, { cause })));
    worker.on("exit", (code) => this.#fail(new Error(`loader: a worker ended (exit code ${code})`)));
    worker.unref(); // an idle loader doesn't keep the process alive
    return worker;
  }

  #fail(reason: Error): void {
    this.#failure ??= reason;
    for (const { reject } of this.#requests.values()) reject(this.#failure);
    this.#requests.clear();
  }
}
