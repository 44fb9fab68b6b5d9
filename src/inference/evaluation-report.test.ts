import { describe, expect, it } from "vitest";
import { resolveConfig } from "../training/config.js";
import type { LogEntry } from "../training/run-log.js";
import type { RunRecord } from "../training/run-record.js";
import { curvesOf, factsOf } from "./evaluation-report.js";

const entry = (change: Partial<LogEntry>): LogEntry => ({
  stage: "stage1",
  iteration: 1,
  total: 1,
  loss: 1,
  terms: {},
  weights: {},
  learningRate: 0.01,
  secondsPerIteration: 1,
  waitedMs: 0,
  caseIds: [],
  ...change,
});
const log = [
  entry({ terms: { dice: 0.9 }, secondsPerIteration: 9 }),
  entry({ terms: { dice: 0.8, contrast: 4 }, iteration: 2, total: 2, secondsPerIteration: 2 }),
  entry({ terms: { dice: 0.7, contrast: 3 }, iteration: 3, total: 3, secondsPerIteration: 3 }),
  entry({ stage: "prototypes", total: 4 }),
  entry({ stage: "stage2", terms: { pseudo: 0.5 }, total: 5, learningRate: 0.001 }),
];

describe("curvesOf", () => {
  it("draws each stage's terms over its own iterations, and one learning rate over all", () => {
    expect(curvesOf(log)).toEqual([
      {
        title: "stage1: loss terms",
        series: [
          {
            name: "dice",
            points: [
              [1, 0.9],
              [2, 0.8],
              [3, 0.7],
            ],
          },
          {
            name: "contrast",
            points: [
              [2, 4],
              [3, 3],
            ],
          },
        ],
      },
      { title: "stage2: loss terms", series: [{ name: "pseudo", points: [[1, 0.5]] }] },
      {
        title: "learning rate over all stages",
        series: [
          {
            name: "learning rate",
            points: [
              [1, 0.01],
              [2, 0.01],
              [3, 0.01],
              [4, 0.01],
              [5, 0.001],
            ],
          },
        ],
      },
    ]);
  });

  it("draws nothing of a run without a log", () => {
    expect(curvesOf([])).toEqual([]);
  });
});

const run: RunRecord = {
  format: 1,
  penumbra: "0.1.0",
  libtorch: "1.13.0",
  precision: "bf16",
  created: "2026-01-02T03:04:05.000Z",
  git: { commit: "0123456789abcdef", modified: true },
  data: "/data/la",
  classNames: ["background", "left atrium"],
  labeled: ["a", "b"],
  unlabeled: ["c"],
  test: [],
};

describe("factsOf", () => {
  const config = resolveConfig({ set: ["stage1.iterations=7"] });
  const given = {
    config,
    run,
    log,
    precision: "fp32",
    evaluated: "1 test case",
    secondsPerCase: 2.25,
    command: null,
  };

  it("says what the scores were made from", () => {
    expect(factsOf(given)).toMatchObject({
      method: "aua",
      "labels used": "2 cases, 1 more without labels",
      iterations: expect.stringMatching(/^stage1 7, prototypes \d+, stage2 \d+$/),
      "seconds per iteration": "stage1 3.00, prototypes 1.00, stage2 1.00", // medians: a slow first one is left out
      precision: "bf16 in training, fp32 here",
      penumbra: "0.1.0 (01234567, modified)",
    });
    expect(factsOf(given)).not.toHaveProperty("command");
  });

  it("names the command where there is one", () => {
    const facts = factsOf({ ...given, log: [], command: "penumbra evaluate" });
    expect(facts).toMatchObject({ command: "penumbra evaluate", "seconds per iteration": "not logged" });
  });
});
