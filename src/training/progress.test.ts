import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { IterationReport } from "./iteration.js";
import { formatBar, formatDuration, formatProgress, Progress, type ProgressStream } from "./progress.js";

const report = (iteration: number, over: Partial<IterationReport> = {}): IterationReport => ({
  stage: "stage1",
  iteration,
  iterations: 100,
  total: iteration,
  totalIterations: 200,
  ahead: 200 - iteration,
  terms: { dice: 0.25, contrast: 2 },
  weights: { dice: 1, contrast: 0.5 },
  loss: 1.25,
  gradientNorm: 1,
  skipped: null,
  learningRate: 0.01,
  seconds: 0.5,
  waitedSeconds: 0,
  caseIds: [],
  ...over,
});

function recorder(terminal: { isTTY: true; columns: number } | null = null) {
  const stream: ProgressStream = Object.assign(new PassThrough({ encoding: "utf8" }), terminal ?? {});
  return { stream, text: () => (stream as PassThrough).read() as string | null };
}

describe("formats", () => {
  it("shows no loss for a stage that has none", () => {
    expect(formatProgress(report(100, { ahead: 100, terms: {}, weights: {}, loss: 0 }), 2)).toBe(
      "stage1 100/100  2.00 s/it  3 min 20 s left",
    );
  });

  it("writes durations in two units at most", () => {
    expect([7.2, 59.6, 62, 3599, 3725].map(formatDuration)).toEqual([
      "7 s",
      "1 min 00 s",
      "1 min 02 s",
      "59 min 59 s",
      "1 h 02 min",
    ]);
  });

  it("fills a bar", () => {
    expect([0, 0.25, 1, 1.5].map((fraction) => formatBar(fraction, 4))).toEqual([
      "░░░░",
      "█░░░",
      "████",
      "████",
    ]);
  });

  it("puts an iteration on one line", () => {
    expect(formatProgress(report(20), 0.5)).toBe(
      "stage1 20/100  loss 1.250  dice 0.250  contrast 2.000  0.50 s/it  1 min 30 s left", // 180 · 0.5 s
    );
    expect(formatProgress(report(100, { total: 200, ahead: 0 }), 0.5)).toMatch(/done$/);
  });
});

describe("without a terminal", () => {
  it("writes every so many iterations, and the first and the last", () => {
    const { stream, text } = recorder();
    const progress = new Progress({ stream, everyIterations: 10, now: () => 0 });
    for (let i = 1; i <= 23; i++) progress.update(report(i));
    progress.update(report(100));
    const iterations = text()?.match(/stage1 \d+/g);
    expect(iterations).toEqual(["stage1 1", "stage1 10", "stage1 20", "stage1 100"]);
  });

  it("writes after half a minute at the latest", () => {
    const { stream, text } = recorder();
    let time = 0;
    const progress = new Progress({ stream, everyIterations: 1000, now: () => time });
    for (let i = 1; i <= 4; i++, time += 16_000) progress.update(report(i));
    expect(text()?.match(/stage1 \d+/g)).toEqual(["stage1 1", "stage1 3"]);
  });
});

describe("on a terminal", () => {
  it("redraws one line within the width, ten times a second at most", () => {
    const { stream, text } = recorder({ isTTY: true, columns: 40 });
    let time = 0;
    const progress = new Progress({ stream, everyIterations: 10, now: () => time });
    for (let i = 1; i <= 3; i++, time += 60) progress.update(report(i));
    const drawn = text()?.split("\r").slice(1);
    expect(drawn).toHaveLength(2);
    expect(drawn?.[0]).toBe("░░░░░░░░░░░░░░░░░░░░ stage1 1/100  loss\x1b[K"); // 39 cells
  });

  it("starts a new line for a note and after a stage", () => {
    const { stream, text } = recorder({ isTTY: true, columns: 200 });
    const progress = new Progress({ stream, everyIterations: 10, now: () => 0 });
    progress.update(report(1));
    progress.note("saved");
    progress.update(report(100));
    const shown = text();
    expect(shown).toContain("left\x1b[K\nsaved\n\r");
    expect(shown?.endsWith("left\x1b[K\n")).toBe(true);
  });
});

it("starts the mean of the seconds anew with each stage", () => {
  const { stream, text } = recorder();
  const progress = new Progress({ stream, everyIterations: 1, now: () => 0 });
  progress.update(report(1, { seconds: 1 }));
  progress.update(report(2, { seconds: 2 })); // 1 + 0.1 · (2 - 1)
  progress.update(report(1, { stage: "stage2", seconds: 5 }));
  expect(text()?.match(/[\d.]+ s\/it/g)).toEqual(["1.00 s/it", "1.10 s/it", "5.00 s/it"]);
});
