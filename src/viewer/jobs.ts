import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Job } from "./api.js";

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const program = join(packageRoot, "bin", "penumbra.js");
const MOST_KEPT = 50;

/** What a job runs, and for whom. */
export interface Order extends Pick<Job, "kind" | "run" | "subject"> {
  /** Arguments of `penumbra`. */
  readonly args: readonly string[];
  /** After it ended well. */
  readonly finish?: () => Promise<void>;
  /** However it ended, also when it never began. */
  readonly cleanUp?: () => Promise<void>;
}

type MutableJob = { -readonly [K in keyof Job]: Job[K] };

/** Work with a network, one process at a time beside the server, so that the page stays quick. */
export class Jobs {
  #jobs: MutableJob[] = [];
  readonly #orders = new Map<number, Order>();
  #child: ChildProcess | null = null;
  #next = 1;

  list(): readonly Job[] {
    return this.#jobs;
  }

  /** Puts work into the queue; what already waits or runs for the same subject is given back instead. */
  add(order: Order): Job {
    const { kind, run, subject } = order;
    const same = this.#jobs.find(
      (job) =>
        job.kind === kind &&
        job.run === run &&
        job.subject === subject &&
        ["waiting", "running"].includes(job.state),
    );
    if (same) {
      void order.cleanUp?.();
      return same;
    }
    const job: MutableJob = { id: this.#next++, kind, run, subject, state: "waiting", line: "waiting" };
    this.#jobs = [...this.#jobs, job];
    const ended = this.#jobs.filter(({ state }) => state === "done" || state === "failed");
    const old = new Set(ended.slice(0, Math.max(0, this.#jobs.length - MOST_KEPT)));
    this.#jobs = this.#jobs.filter((one) => !old.has(one));
    this.#orders.set(job.id, order);
    this.#startNext();
    return job;
  }

  /** Ends what runs and forgets what waits. */
  close(): void {
    for (const order of this.#orders.values()) void order.cleanUp?.();
    this.#orders.clear();
    this.#child?.kill("SIGTERM");
  }

  #startNext(): void {
    if (this.#child) return;
    const job = this.#jobs.find(({ id, state }) => state === "waiting" && this.#orders.has(id));
    if (!job) return;
    const order = this.#orders.get(job.id)!;
    this.#orders.delete(job.id);
    job.state = "running";
    job.line = "starting";
    const child = spawn(process.execPath, [program, ...order.args], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const line = text
        .trim()
        .split(/[\r\n]+/)
        .at(-1);
      if (line) job.line = line;
    });
    child.on("error", (error) => {
      job.line = error.message;
    });
    child.on("close", async (code) => {
      job.state = code === 0 && (await finished(order, job)) ? "done" : "failed";
      await order.cleanUp?.();
      this.#child = null;
      this.#startNext();
    });
  }
}

async function finished(order: Order, job: MutableJob): Promise<boolean> {
  try {
    await order.finish?.();
    job.line = "done";
    return true;
  } catch (error) {
    job.line = (error as Error).message;
    return false;
  }
}
