// npm run fuzz -- --mutations 100000 [--seed 1] [--target pth] [--from N]: mutates valid inputs and reads them.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { LIMIT_BYTES, LIMIT_MS, sharesOf, TARGETS, type Tally } from "./try-inputs.js";
import type { News, Order } from "./worker.js";

/** A worker that is silent for so long hangs in one input. */
const SILENCE_MS = 60_000;
/** Starting and making the seeds may take longer where many programs want the processor. */
const START_MS = 600_000;
const FAULTS_DIR = fileURLToPath(new URL("../fuzz-faults", import.meta.url));
const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));

const empty = (): Tally => ({ accepted: 0, refused: 0, slowestMs: 0, faults: [] });

function add(sum: Tally, part: Tally): void {
  sum.accepted += part.accepted;
  sum.refused += part.refused;
  sum.slowestMs = Math.max(sum.slowestMs, part.slowestMs);
  sum.faults.push(...part.faults);
}

/** One worker's range; a crash or a hang ends it early, at the input that `at` names. */
function work(order: Order): Promise<{ tally: Tally | null; at: number; end: string }> {
  return new Promise((resolve) => {
    const child = fork(WORKER, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    let [at, end, tally]: [number, string, Tally | null] = [order.from, "", null];
    const silent = () => {
      end = `hangs: no answer in ${SILENCE_MS / 1000} s`;
      child.kill("SIGKILL");
    };
    let timer = setTimeout(silent, START_MS);
    child.on("message", (news: News) => {
      clearTimeout(timer);
      timer = setTimeout(silent, SILENCE_MS);
      if ("at" in news) at = news.at;
      else tally = news.done;
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      resolve({ tally, at, end: end || `crashed: ${signal ?? `exit code ${code}`}` });
    });
    child.send(order);
  });
}

/** All of a target's inputs, going on behind one that crashed or hung. */
async function runTarget(target: string, seed: number, from: number, to: number): Promise<Tally> {
  const sum = empty();
  for (let next = from; next < to; ) {
    const order = { target, seed, to, faults: FAULTS_DIR };
    const { tally, at, end } = await work({ ...order, from: next });
    if (tally) {
      add(sum, tally);
      break;
    }
    // what it had read before the fault is counted by reading it again
    const { tally: before } = at > next ? await work({ ...order, from: next, to: at }) : { tally: empty() };
    add(sum, before ?? empty());
    sum.refused++;
    sum.faults.push({ target, index: at, what: end });
    next = at + 1;
  }
  return sum;
}

const row = (name: string, { accepted, refused, slowestMs, faults }: Tally): string =>
  `${name.padEnd(14)} ${String(accepted + refused).padStart(7)} ${String(refused).padStart(8)} ${String(accepted).padStart(9)} ${slowestMs.toFixed(0).padStart(8)} ${String(faults.length).padStart(7)}\n`;

const { mutations, seed, target, from } = new Command("fuzz")
  .option("--mutations <n>", "inputs to try", Number, 100_000)
  .option("--seed <n>", "seed of all mutations", Number, 1)
  .option("--target <name>", `only this one: ${TARGETS.map(({ name }) => name).join(", ")}`)
  .option("--from <n>", "first input of each target", Number, 0)
  .parse()
  .opts<{ mutations: number; seed: number; target?: string; from: number }>();

const chosen = TARGETS.filter(({ name }) => target === undefined || name === target);
process.stdout.write(`limits: ${LIMIT_MS} ms and ${LIMIT_BYTES / 2 ** 20} MiB an input; seed ${seed}\n`);
process.stdout.write("target           tried  refused  accepted  slow ms  faults\n");
const start = performance.now();
const total = empty();
for (const [i, share] of sharesOf(mutations, chosen).entries()) {
  const tally = await runTarget(chosen[i]!.name, seed, from, from + share);
  add(total, tally);
  process.stdout.write(row(chosen[i]!.name, tally));
}
process.stdout.write(row("all", total));
process.stdout.write(`${Math.round((performance.now() - start) / 1000)} s\n`);
for (const { target: name, index, what } of total.faults)
  process.stdout.write(`fault: ${name} ${index}: ${what}\n`);
process.exitCode = total.faults.length > 0 ? 1 : 0;
