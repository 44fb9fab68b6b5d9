import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { IterationReport } from "./iteration.js";
import { RunLog, readRunLog } from "./run-log.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-log-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const report = (total: number, dice = 0.5): IterationReport => ({
  stage: "stage1",
  iteration: total,
  iterations: 10,
  total,
  totalIterations: 20,
  ahead: 20 - total,
  terms: { dice, consistency: 2 },
  weights: { dice: 1, consistency: 0.25 },
  loss: dice + 0.5,
  gradientNorm: 3,
  skipped: null,
  learningRate: 0.01,
  seconds: 1.23456,
  waitedSeconds: 0.0124,
  caseIds: ["a", "b"],
});

function write(done: number, ...totals: number[]): void {
  const log = new RunLog(dir, done);
  for (const total of totals) log.append(report(total));
  log.close();
}

it("reads back what was appended", () => {
  write(0, 1, 2);
  expect(readRunLog(dir).map(({ total }) => total)).toEqual([1, 2]);
  expect(readRunLog(dir)[0]).toEqual({
    stage: "stage1",
    iteration: 1,
    total: 1,
    loss: 1, // 0.5 · 1 + 2 · 0.25
    terms: { dice: 0.5, consistency: 2 },
    weights: { dice: 1, consistency: 0.25 },
    learningRate: 0.01,
    secondsPerIteration: 1.2346,
    waitedMs: 12,
    caseIds: ["a", "b"],
    gradientNorm: 3,
  });
});

it("has no entries before there is a log", () => {
  expect(readRunLog(dir)).toEqual([]);
});

it("holds the loss that was optimized, which terms that only some parts of a batch have do not sum up to", () => {
  const log = new RunLog(dir);
  log.append({ ...report(1), loss: 0.75 });
  log.close();
  expect(readRunLog(dir)[0]!.loss).toBe(0.75);
});

it("leaves out a last line that was cut short", () => {
  write(0, 1, 2);
  appendFileSync(join(dir, "log.jsonl"), '{"stage":"stage1","itera');
  expect(readRunLog(dir)).toHaveLength(2);
});

it("names a broken line elsewhere", () => {
  write(0, 1);
  writeFileSync(join(dir, "log.jsonl"), "{}\n\n");
  expect(() => readRunLog(dir)).toThrow(/log\.jsonl, line 1: not an entry/);
});

it("drops, on going on, what was written past the checkpoint", () => {
  write(0, 1, 2, 3);
  appendFileSync(join(dir, "log.jsonl"), '{"torn');
  write(2, 3, 4);
  expect(readRunLog(dir).map(({ total }) => total)).toEqual([1, 2, 3, 4]);
});

it("keeps the place of numbers that are not finite", () => {
  const log = new RunLog(dir);
  log.append(report(1, Number.NaN));
  log.close();
  const [entry] = readRunLog(dir);
  expect(entry?.terms).toEqual({ dice: Number.NaN, consistency: 2 });
  expect(entry?.loss).toBeNaN();
});
