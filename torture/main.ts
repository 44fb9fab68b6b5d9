// npm run torture -- [--minutes 5] [--seed 1] [--precision bf16]
// Kills and disturbs small trainings until the time is over, and says what they survived. Exit code 1 when one did not.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { seeded } from "#dist/data/random.js";
import { sha256OfFile as sha } from "#dist/files/checksum.js";
import { FAULTS, type Site } from "./faults.js";
import { lifetimeOf, randomMoment, throughKills, trainThroughKills } from "./kills.js";
import { EVERY_STEPS, longRun } from "./long-run.js";
import { differenceOf, makeTinyData, traceOf, trainArguments } from "./tiny-run.js";

const MAX_KILLS_PER_RUN = 6;
/** Memory that a long run may gain after its first quarter. */
const CEILING_MB = 64;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const failures: string[] = [];
const minutesSince = (start: number) => (performance.now() - start) / 60_000;

async function tryFaults(site: Site, until: () => boolean): Promise<void> {
  let held = 0;
  let tried = 0;
  for (const [name, fault] of Object.entries(FAULTS)) {
    if (until()) break;
    const run = join(site.dir, `fault-${tried++}`);
    const complaint = await fault(site, run).catch(String);
    if (complaint === null) held++;
    else failures.push(`${name}: ${complaint}`);
    say(`  ${complaint === null ? "held" : "FAILED"}  ${name}${complaint === null ? "" : `: ${complaint}`}`);
    rmSync(run, { recursive: true, force: true });
  }
  say(`faults held: ${held} of ${tried}`);
}

async function tryKills(site: Site, settings: readonly string[], until: () => boolean): Promise<void> {
  const places = new Map<string, number>();
  let [kills, survived, runs] = [0, 0, 0];
  while (!until()) {
    const run = join(site.dir, `kill-${runs++}`);
    const moments = Array.from({ length: 1 + site.random.below(MAX_KILLS_PER_RUN) }, () =>
      randomMoment(site.random, site.life),
    );
    const struck = await trainThroughKills(site.data, run, moments, settings).catch((error) => {
      failures.push(`killed at ${JSON.stringify(moments)}: ${error}`);
      return [];
    });
    const difference = struck.length > 0 ? differenceOf(traceOf(run), site.whole) : "";
    kills += struck.length;
    if (difference) failures.push(`killed ${struck.join(", ")}: another run in ${difference}`);
    else survived += struck.length;
    for (const place of struck) places.set(place, (places.get(place) ?? 0) + 1);
    rmSync(run, { recursive: true, force: true });
  }
  for (const [place, count] of [...places].sort(([, a], [, b]) => b - a)) say(`  ${count}  ${place}`);
  say(`kills survived to the same bits: ${survived} of ${kills}, in ${runs} runs`);
}

async function tryEvaluation({ data, dir, random }: Site, run: string): Promise<void> {
  const args = ["evaluate", "--run", run, "--data", data, "--out"];
  const life = await lifetimeOf([...args, join(dir, "evaluation")]);
  const again = ["evaluate", "--run", run, "--data", data];
  const moments = Array.from({ length: 3 }, () => randomMoment(random, life));
  const struck = await throughKills(() => again, run, moments);
  const same = sha(join(run, "evaluation-test/scores.json")) === sha(join(dir, "evaluation/scores.json"));
  if (!same) failures.push(`evaluation killed ${struck.join(", ")}: other scores`);
  say(`evaluation: ${struck.length} kills, ${same ? "the same scores" : "OTHER SCORES"}`);
}

async function tryLongRun({ data, dir }: Site, steps: number): Promise<void> {
  const residentMb = await longRun(data, join(dir, "long"), steps);
  const quarter = Math.ceil(residentMb.length / 4);
  const [earlyMb, lateMb] = [residentMb.slice(0, quarter), residentMb.slice(quarter)].map((part) =>
    Math.max(...part),
  ) as [number, number];
  say(`resident MB every ${EVERY_STEPS} steps: ${residentMb.join(" ")}`);
  const flat = lateMb - earlyMb <= CEILING_MB;
  if (!flat) failures.push(`${steps} steps: from ${earlyMb} to ${lateMb} MB`);
  say(`${steps} steps: at most ${earlyMb} MB in the first quarter, ${lateMb} MB after it`);
}

async function main(): Promise<void> {
  const program = new Command("torture")
    .description("Kills and disturbs small trainings and says what they survived.")
    .option("--minutes <n>", "time in all", Number, 5)
    .option("--seed <n>", "seed of all that is random", Number, 1)
    .option("--steps <n>", "steps of the long run; 0 leaves it out", Number, 2000)
    .option("--only <part>", "long-run, faults, evaluation or kills")
    .option("--precision <precision>", "of the runs that are killed: fp32 or bf16", "fp32")
    .parse();
  const { minutes, seed, steps, only, precision } = program.opts<{
    minutes: number;
    seed: number;
    steps: number;
    only?: string;
    precision: string;
  }>();
  const start = performance.now();
  const until = () => minutesSince(start) >= minutes;
  const wanted = (part: string) => !until() && (only === undefined || only === part);
  const dir = mkdtempSync(join(tmpdir(), "penumbra-torture-"));
  try {
    const data = await makeTinyData(join(dir, "data"));
    const whole = join(dir, "whole");
    const settings = [`precision=${precision}`];
    const life = await lifetimeOf(trainArguments(data, whole, settings));
    say(`an undisturbed run: ${life.calls} calls that change files, ${Math.round(life.ms)} ms`);
    const site: Site = { data, dir, whole: traceOf(whole), life, random: seeded(seed) };
    if (wanted("long-run") && steps > 0) await tryLongRun(site, steps);
    if (wanted("faults")) await tryFaults(site, until);
    if (wanted("evaluation")) await tryEvaluation(site, whole);
    if (wanted("kills")) await tryKills(site, settings, until);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  for (const failure of failures) say(`FAILED ${failure}`);
  say(`${minutesSince(start).toFixed(1)} minutes, ${failures.length} failures`);
  if (failures.length > 0) process.exitCode = 1;
}

await main();
