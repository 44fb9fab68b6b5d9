import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { refusal } from "../errors.testing.js";
import { FileLock } from "../files/file-lock.js";
import { writeText } from "../files/whole-file.js";
import { resolveConfig } from "./config.js";
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
