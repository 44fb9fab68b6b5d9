import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { seeded } from "../src/data/random.js";
import {
  type Lifetime,
  lifetimeOf,
  randomMoment,
  throughKills,
  trainThroughKills,
} from "../torture/kills.js";
import { makeTinyData, traceOf, trainArguments } from "../torture/tiny-run.js";

/** Each test starts up to five processes; a busy machine takes its time. */
const SLOW_MS = 400_000;
const dir = mkdtempSync(join(tmpdir(), "penumbra-kills-"));
const data = join(dir, "data");
const whole = join(dir, "whole");
let life: Lifetime;
beforeAll(async () => {
  await makeTinyData(data);
  life = await lifetimeOf(trainArguments(data, whole));
}, SLOW_MS);
afterAll(() => rmSync(dir, { recursive: true }));

it("runs of the whole job leave the same bits as one another", async () => {
  expect(Object.keys(traceOf(whole)).filter((name) => name.endsWith(".safetensors"))).toEqual([
    "checkpoint-0000006.safetensors",
    "checkpoint-0000010.safetensors",
    "checkpoint-0000014.safetensors",
    "checkpoint-0000016.safetensors",
    "model.safetensors",
  ]);
  expect(traceOf(whole).log!.split("\n")).toHaveLength(16);
});

it(
  "a training killed at random, again and again, and gone on with leaves the same bits",
  async () => {
    const out = join(dir, "killed");
    const random = seeded(1);
    // two that strike however fast the machine is by now: a run has more than twice so many calls
    const early = Math.floor(life.calls / 3);
    const moments = [
      ...Array.from({ length: 2 }, () => ({ call: 1 + random.below(early) })),
      ...Array.from({ length: 2 }, () => randomMoment(random, life)),
    ];
    const places = await trainThroughKills(data, out, moments);
    expect(places.length).toBeGreaterThan(1);
    expect(traceOf(out), `killed ${places.join(", ")}`).toEqual(traceOf(whole));
    expect(existsSync(join(out, "run.lock"))).toBe(false);
  },
  SLOW_MS,
);

it(
  "an evaluation killed half-way is made again from the start, with the same scores",
  async () => {
    const args = ["evaluate", "--run", whole, "--data", data, "--no-uncertainty"];
    const { calls } = await lifetimeOf(args);
    const scores = () => readFileSync(join(whole, "evaluation-test/scores.json"), "utf8");
    const before = scores();
    const places = await throughKills(() => args, whole, [{ call: Math.ceil(calls / 2) }]);
    expect(places).toEqual(["writing an evaluation"]);
    expect(scores()).toBe(before);
  },
  SLOW_MS,
);
