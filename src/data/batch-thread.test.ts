import { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { Batch } from "./batch.js";
import { BatchThread } from "./batch-thread.js";
import type { WorkerRequest } from "./loader-worker.js";

const batchOf = (iteration: number) => ({ iteration }) as Batch;

/** A worker that answers, or dies as often as `deaths` says of an iteration. */
class MadeUpWorker extends EventEmitter {
  constructor(readonly deaths: Map<number, number>) {
    super();
  }
  postMessage({ iteration }: WorkerRequest): void {
    setImmediate(() => {
      if (this.listenerCount("message") === 0) return; // dead
      const left = this.deaths.get(iteration) ?? 0;
      if (left === 0) return void this.emit("message", { batch: batchOf(iteration) });
      this.deaths.set(iteration, left - 1);
      this.emit("error", new RangeError("out of memory"));
      const exit = this.listeners("exit");
      this.removeAllListeners();
      for (const listener of exit) listener(1);
    });
  }
  keepsAlive = true;
  ref(): void {
    this.keepsAlive = true;
  }
  unref(): void {
    this.keepsAlive = false;
  }
  /** Ends a little later; until then answers may come. */
  async terminate(): Promise<void> {
    await new Promise(setImmediate);
  }
}

function open(deaths: [number, number][]) {
  const warnings: string[] = [];
  const started: MadeUpWorker[] = [];
  const left = new Map(deaths);
  const thread = new BatchThread({
    start: () => {
      started.push(new MadeUpWorker(left));
      return started.at(-1) as unknown as Worker;
    },
    casesOf: (iteration) => [`a${iteration}`, `b${iteration}`],
    onWarning: (line) => warnings.push(line),
  });
  return { thread, warnings, started };
}

describe("a thread that makes batches", () => {
  it("starts when it is first asked, and answers in order", async () => {
    const { thread, started } = open([]);
    expect(started).toHaveLength(0);
    const batches = await Promise.all([3, 1, 2].map((i) => thread.ask(i)));
    expect(batches).toEqual([3, 1, 2].map(batchOf));
    expect(started).toHaveLength(1);
  });

  it("is started again when it dies, and still gives all that it owed; the cases are named", async () => {
    const { thread, warnings, started } = open([[2, 1]]);
    expect(await Promise.all([1, 2, 3].map((i) => thread.ask(i)))).toEqual([1, 2, 3].map(batchOf));
    expect(started).toHaveLength(2);
    expect(warnings).toEqual([
      "loader: a worker died (RangeError: out of memory) while it made iteration 2's batch of cases a2, b2; it is started again",
    ]);
  });

  it("gives a batch up on which it dies twice, with the cases, and goes on with the next", async () => {
    const { thread } = open([[2, 2]]);
    const results = await Promise.allSettled([1, 2, 3].map((i) => thread.ask(i)));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
      code: "environment",
      message: expect.stringMatching(/iteration 2's batch of cases a2, b2, twice; check these cases/),
    });
  });

  it("keeps the process alive until it has ended, even when an answer comes after it was closed", async () => {
    const { thread, started } = open([]);
    await thread.ask(1);
    expect(started[0]!.keepsAlive).toBe(false); // idle
    thread.ask(2).catch(() => {});
    await thread.close(new Error("over"));
    expect(started[0]!.keepsAlive).toBe(true);
  });

  it("rejects what it owes when it is closed", async () => {
    const { thread } = open([]);
    const asked = expect(thread.ask(1)).rejects.toThrow("over");
    await thread.close(new Error("over"));
    await asked;
  });
});
