import { Worker } from "node:worker_threads";
import { badInput } from "../errors.js";
import { voxelCount } from "../volume/volume.js";
import { type Batch, type BatchOptions, caseIdsOf, makeBatch, type PatchSource } from "./batch.js";
import { BatchThread } from "./batch-thread.js";

export type { AugmentOptions } from "./augment.js";
export { type Batch, type BatchOptions, makeBatch, type PatchSource } from "./batch.js";

const closedError = () => new Error("loader: closed");

export interface LoaderOptions extends BatchOptions {
  /** Threads that make batches; 0: the calling thread makes each when it is asked for. */
  readonly workers: number;
  /** Batches asked of the workers ahead of the one that is waited for. */
  readonly prefetch: number;
  /** Hears of workers that died and were started again. */
  readonly onWarning?: (line: string) => void;
}

function checkStream(name: string, cases: readonly PatchSource[], perBatch: number): void {
  if (!Number.isInteger(perBatch) || perBatch < 0)
    throw badInput(`loader: ${perBatch} ${name} patches a batch; expected 0 or more`);
  if (perBatch > 0 && cases.length === 0)
    throw badInput(`loader: ${perBatch} ${name} patches a batch but no ${name} case`);
}

const hasLabel = (source: PatchSource): boolean =>
  "path" in source ? source.offsets.label !== null : source.label !== null;

function checkCase(source: PatchSource, channels: number): void {
  if ("path" in source) {
    const { id, channels: found = 1 } = source; // its arrays were checked when it was opened
    if (found === channels) return;
    throw badInput(`loader: case ${id} has ${found} channels; expected ${channels}`);
  }
  const { id, grid, image, label, region } = source;
  const voxels = voxelCount(grid.shape);
  const off =
    image.length === channels * voxels
      ? [label, region].find((data) => data && data.length !== voxels)
      : image;
  if (off)
    throw badInput(`loader: case ${id} has ${off.length} voxels on a grid of [${grid.shape.join(", ")}]`);
}

function check(options: LoaderOptions): void {
  checkStream("labeled", options.labeled, options.labeledPerBatch);
  checkStream("unlabeled", options.unlabeled, options.unlabeledPerBatch);
  if (options.labeledPerBatch + options.unlabeledPerBatch === 0)
    throw badInput("loader: a batch of no patches; expected 1 or more");
  for (const source of [...options.labeled, ...options.unlabeled]) checkCase(source, options.channels ?? 1);
  const bare = options.labeled.find((source) => !hasLabel(source));
  if (bare) throw badInput(`loader: case ${bare.id} is listed as labeled but has no label`);
  if ((options.neighbours ?? 0) > 0 && options.patchSize[0] !== 1)
    throw badInput(
      `loader: neighbouring slices of patches of ${options.patchSize[0]} slices; expected patches of one`,
    );
  if (!options.patchSize.every((n) => Number.isInteger(n) && n > 0)) {
    throw badInput(`loader: patch size [${options.patchSize.join(", ")}]; expected whole numbers over 0`);
  }
}

const startWorker = (data: BatchOptions): Worker =>
  new Worker(new URL("./loader-worker.js", import.meta.url), { workerData: data });

/**
 * Batches by iteration, made ahead in worker threads: `next(i)` also asks for i + 1 .. i + prefetch, so they get
 * ready while the calling thread is busy in native code. Iterations may be asked for in any order and again.
 */
export class Loader {
  #waited = 0;
  #asked = 0;
  #closed = false;
  /** Batches asked for and not yet taken, by iteration. */
  readonly #ahead = new Map<number, Promise<Batch>>();
  readonly #threads: BatchThread[];
  readonly #options: LoaderOptions;

  /**
   * Bad input: a stream without cases, a labeled case without a label, a patch size that is none.
   * @param start makes a worker thread
   */
  constructor(options: LoaderOptions, start: (data: BatchOptions) => Worker = startWorker) {
    check(options);
    this.#options = options;
    const { workers, prefetch: _, onWarning = () => {}, ...data } = options;
    const thread = {
      start: () => start(data),
      casesOf: (iteration: number) => caseIdsOf(data, iteration),
      onWarning,
    };
    this.#threads = Array.from({ length: workers }, () => new BatchThread(thread));
  }

  /** Total time in ms that `next` has kept its callers waiting. */
  get waitedMs(): number {
    return this.#waited;
  }

  /** The batch of an iteration, 0 or more. Rejects when a worker failed (naming the case) or the loader is closed. */
  async next(iteration: number): Promise<Batch> {
    if (this.#closed) throw closedError();
    if (!Number.isSafeInteger(iteration) || iteration < 0) {
      throw badInput(`loader: iteration ${iteration}; expected a whole number of 0 or more`);
    }
    const start = performance.now();
    try {
      return await (this.#threads.length === 0 ? makeBatch(this.#options, iteration) : this.#take(iteration));
    } finally {
      this.#waited += performance.now() - start;
    }
  }

  /** Ends the workers; batches still waited for are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map((thread) => thread.close(closedError())));
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
    return this.#threads[this.#asked++ % this.#threads.length]!.ask(iteration);
  }
}
