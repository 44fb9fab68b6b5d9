// npm run fuzz -- --mutations 100000 [--seed 1] [--target pth] [--from N]: mutates valid inputs and reads them.
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { LIMIT_BYTES, LIMIT_MS, sharesOf, TARGETS, type Tally } from "./try-inputs.js";
import { work } from "./watched-worker.js";

const FAULTS_DIR = fileURLToPath(new URL("../fuzz-faults", import.meta.url));

const empty = (): Tally => ({ accepted: 0, refused: 0, slowestMs: 0, faults: [] });

function add(sum: Tally, part: Tally): void {
  sum.accepted += part.accepted;
  sum.refused += part.refused;
  sum.slowestMs = Math.max(sum.slowestMs, part.slowestMs);
  sum.faults.push(...part.faults);
}

/**
 * All of a target's inputs, going on behind one that crashed or hung. Such an end is tried once more from the same
 * beginning: what does not come again was the machine's doing, and is said, but is no fault of the reader.
 */
async function runTarget(target: string, seed: number, from: number, to: number): Promise<Tally> {
  const sum = empty();
  for (let next = from; next < to; ) {
    const order = { target, seed, faults: FAULTS_DIR };
    const first = await work({ ...order, from: next, to });
    if (first.tally) {
      add(sum, first.tally);
      break;
    }
    const at = first.at ?? next;
    const again = await work({ ...order, from: next, to: at + 1 });
    if (again.tally) {
      process.stdout.write(`not seen again: ${target} ${at}: ${first.end}\n`);
      add(sum, again.tally);
    } else {
      // what it had read before the fault is counted by reading it again
      const before = at > next ? await work({ ...order, from: next, to: at }) : null;
      add(sum, before?.tally ?? empty());
      sum.refused++;
      sum.faults.push({ target, index: at, what: again.end });
    }
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
