import { describe, expect, it } from "vitest";
import { cpuSecondsOf, Patience } from "./fuzz/watched-worker.js";

const MINUTE_MS = 60_000;

describe("the fuzzing driver takes a worker's silence for a hang", () => {
  it("only once it has cost processor time: a slow machine, or a slow start on one, costs none", () => {
    const patience = new Patience();
    for (let minute = 0; minute < 20; minute++)
      expect(patience.look(0.05 * minute, minute * MINUTE_MS)).toBeNull();
    expect(patience.look(59, 21 * MINUTE_MS)).toBeNull();
    expect(patience.look(61, 22 * MINUTE_MS)).toMatch(/hangs: no answer in 60 s of processor time/);
  });

  it("not for what came before its last word", () => {
    const patience = new Patience();
    expect(patience.look(0, 0)).toBeNull();
    patience.heard();
    expect(patience.look(59, MINUTE_MS)).toBeNull();
    expect(patience.look(100, 2 * MINUTE_MS)).toBeNull();
    expect(patience.look(120, 3 * MINUTE_MS)).toMatch(/hangs/);
  });

  it("also where it waits for ever without working", () => {
    const patience = new Patience();
    expect(patience.look(null, 0)).toBeNull();
    expect(patience.look(null, 29 * MINUTE_MS)).toBeNull();
    expect(patience.look(null, 31 * MINUTE_MS)).toMatch(/hangs: silent for 1800 s/);
  });
});

it("reads a process's time of the processor", () => {
  const before = cpuSecondsOf(process.pid);
  if (before === null) return; // a system without /proc
  for (const until = process.cpuUsage().user + 300_000; process.cpuUsage().user < until; ) Math.random();
  expect(cpuSecondsOf(process.pid)! - before).toBeGreaterThan(0.2);
  expect(cpuSecondsOf(2 ** 30)).toBeNull();
});
