import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { refusal } from "../errors.testing.js";
import { FileLock } from "../files/file-lock.js";
import { writeText } from "../files/whole-file.js";
import { resolveConfig } from "./config.js";
import type { IterationReport } from "./iteration.js";
import { readRunLog } from "./run-log.js";
import { RunRecorder } from "./run-recorder.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-recorder-"));
  mkdirSync(join(dir, "validation"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it.each([
  [null, "there is no checkpoint yet"],
  [
    { stage: "stage1", iteration: 40, total: 40 },
    "its last checkpoint, after 40 iterations of stage1, is whole",
  ],
])(
  "whatever can't be written while training is the machine's doing, and what there is to go on from is said",
  (from, what) => {
    const lock = FileLock.take(join(dir, "run.lock"));
    const recorder = new RunRecorder({ dir, config: resolveConfig({}), lock, from, onStatus: () => {} });
    rmSync(join(dir, "validation"), { recursive: true });
    const picture = join(dir, "validation", "0000001-0-0.png");
    const error = refusal(() => recorder.guard(() => writeText(picture, "")));
    expect(error.code).toBe("environment");
    expect(error.message).toContain(`${picture}: can't be written: its directory is not there`);
    expect(error.message).toContain(`training stopped; ${what}`);
    recorder.close();
    lock.release();
  },
);

it("says and keeps where the loss jumps, in a run that goes on as in one that was never stopped", () => {
  const report = (total: number, loss: number): IterationReport => ({
    ...{ stage: "stage1", iteration: total, iterations: 30, total, totalIterations: 30, ahead: 30 - total },
    ...{ terms: { dice: loss }, weights: { dice: 1 }, loss, gradientNorm: 1, skipped: null },
    ...{ learningRate: 0.01, seconds: 1, waitedSeconds: 0, caseIds: ["a"] },
  });
  const losses = Array.from({ length: 20 }, (_, i) => [1, 1.1, 1.2, 1.1][i % 4]!);
  const all = [...losses, 99].map((loss, i) => report(i + 1, loss));
  const lock = FileLock.take(join(dir, "run.lock"));
  const record = (reports: readonly IterationReport[], done: number) => {
    const said: string[] = [];
    const from = done > 0 ? { stage: "stage1", iteration: done, total: done } : null;
    const onStatus = (line: string) => said.push(line);
    const recorder = new RunRecorder({ dir, config: resolveConfig({}), lock, from, onStatus });
    for (const one of reports) recorder.iteration(one);
    recorder.close();
    return { said, last: readRunLog(dir).at(-1)! };
  };
  const undisturbed = record(all, 0);
  expect(undisturbed.said).toEqual(["stage1 21: loss 99.000, the median before it is 1.100 (cases a)"]);
  expect(undisturbed.last.spike?.median).toBe(1.1);
  expect(record(all.slice(20), 20)).toEqual(undisturbed);
  lock.release();
});
