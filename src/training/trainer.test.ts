import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBatch } from "../data/batch.js";
import type { PreparedCase } from "../data/prepare.js";
import { wave } from "../engine/finite-differences.testing.js";
import { memoryFigures } from "../engine/libtorch.js";
import { randn } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import { PenumbraError } from "../errors.js";
import { fingerprint } from "../methods/tiny-task.testing.js";
import { StateMisfit } from "../nn/module.js";
import type { Triple } from "../volume/volume.js";
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.js";
import { type Config, resolveConfig } from "./config.js";
import type { IterationReport } from "./iteration.js";
import { METHOD_NAMES } from "./method-catalog.js";
import { toDevice } from "./patches.js";
import { runStages } from "./trainer.js";

const SHAPE: Triple = [18, 20, 17];
const VOXELS = SHAPE[0] * SHAPE[1] * SHAPE[2];

/** A scan with a bright block in noise. */
function madeUpCase(id: string, phase: number, labeled: boolean): PreparedCase {
  const label = Uint8Array.from({ length: VOXELS }, (_, i) => {
    const [z, y] = [Math.floor(i / (SHAPE[1] * SHAPE[2])), Math.floor(i / SHAPE[2]) % SHAPE[1]];
    return z >= 5 + phase && z < 12 + phase && y >= 4 && y < 13 ? 1 : 0;
  });
  const image = Float32Array.from(wave(VOXELS, phase), (v, i) => label[i]! + 0.3 * v);
  const grid = { shape: SHAPE, spacingMm: null, affine: null };
  return { id, grid, storedGrid: grid, image, label: labeled ? label : null, region: null };
}
const LABELED = ["a", "b"].map((id, i) => madeUpCase(id, i, true));
const UNLABELED = ["c", "d", "e"].map((id, i) => madeUpCase(id, i + 2, false));

const SETTINGS = [
  "data.patchSize=[16,16,16]",
  "inference.stride=[8,8,8]",
  "data.workers=0",
  "data.labeledPerBatch=1",
  "data.unlabeledPerBatch=1",
  "data.rotate90=true",
  "data.flip=true",
  "model.filters=1",
  "model.rank=2",
  "stage1.iterations=6",
  "stage1.samples=2",
  "stage1.contrast.anchors=50",
  "stage1.consistency.rampUp=6",
  "prototypes.iterations=3",
  "stage2.iterations=6",
  "supervised.iterations=25",
  "optimizer.decayEvery=4",
  "checkpoint.every=2",
  "checkpoint.keep=100",
  "precision=fp32",
];
const TOTAL = 15;
const settings = (...more: string[]): Config => resolveConfig({ set: [...SETTINGS, ...more] });

interface Outcome {
  /** Everything that an iteration reported, but for times. */
  readonly reports: Omit<IterationReport, "seconds" | "waitedSeconds">[];
  readonly final: Map<string, string>;
}
interface Given {
  readonly config?: Config;
  readonly checkpoints: string;
  /** Ask for a stop after so many iterations over all stages. */
  readonly stopAfter?: number;
  /** Die after so many iterations, with nothing saved since the last checkpoint. */
  readonly dieAfter?: number;
  readonly warn?: (line: string) => void;
  readonly labeled?: readonly PreparedCase[];
}

/** Runs from the newest checkpoint there, or from the start. */
async function run({ config = settings(), checkpoints, stopAfter, dieAfter, warn, labeled }: Given) {
  const controller = new AbortController();
  const reports: Outcome["reports"] = [];
  const resume = loadCheckpoint(checkpoints, config.device, warn ?? (() => {}));
  const state = await runStages({
    config,
    precision: "fp32",
    labeled: labeled ?? LABELED,
    unlabeled: UNLABELED,
    resume,
    save: (checkpoint) => saveCheckpoint(checkpoints, checkpoint, config.checkpoint.keep),
    signal: controller.signal,
    onIteration: ({ seconds: _, waitedSeconds: __, ...report }) => {
      reports.push(report);
      if (report.total === stopAfter) controller.abort();
      if (report.total === dieAfter) throw new Error("killed");
    },
  });
  const final = scope(() => fingerprint(state));
  for (const tensor of state.values()) tensor.dispose();
  return { reports, final };
}

let root: string;
let number = 0;
const fresh = () => {
  const dir = join(root, `run-${number++}`);
  mkdirSync(dir);
  return dir;
};
let whole: Outcome;
let wholeDir: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "penumbra-trainer-"));
  wholeDir = fresh();
  whole = await run({ checkpoints: wholeDir });
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));

/** The same end to the bit, by the same way. */
function expectSame(resumed: Outcome): void {
  expect(resumed.reports).toEqual(whole.reports.slice(TOTAL - resumed.reports.length));
  expect(resumed.final).toEqual(whole.final);
}

describe("a whole run", () => {
  it("goes through all stages and counts over them", () => {
    expect(whole.reports.map(({ stage, iteration, total }) => `${stage} ${iteration} ${total}`)).toEqual([
      ...[1, 2, 3, 4, 5, 6].map((i) => `stage1 ${i} ${i}`),
      ...[1, 2, 3].map((i) => `prototypes ${i} ${6 + i}`),
      ...[1, 2, 3, 4, 5, 6].map((i) => `stage2 ${i} ${9 + i}`),
    ]);
    for (const { totalIterations } of whole.reports) expect(totalIterations).toBe(TOTAL);
  });

  it("counts what is ahead in the current stage's iterations: one of the prototypes takes a tenth", () => {
    const ahead = [0, 5, 6, 8, 9, 14].map((i) => whole.reports[i]!.ahead);
    const expected = [5 + 0.3 + 6, 0.3 + 6, 2 + 60, 60, 5, 0];
    expect(ahead).toEqual(expected.map((value) => expect.closeTo(value, 9)));
  });

  it("reports terms of each stage, learning rates and cases", () => {
    const [first, prototypes, last] = [whole.reports[0]!, whole.reports[7]!, whole.reports[14]!];
    expect(Object.keys(first.terms)).toEqual(["likelihood", "dice", "contrast", "consistency"]);
    expect([prototypes.terms, prototypes.loss]).toEqual([{}, 0]);
    expect(Object.keys(last.terms)).toEqual(["supervised", "pseudo", "prototype"]);
    expect(whole.reports.slice(0, 6).map(({ learningRate }) => learningRate)).toEqual(
      [0.01, 0.01, 0.01, 0.01, 0.001, 0.001].map((rate) => expect.closeTo(rate, 9)),
    );
    expect(["a", "b"]).toContain(first.caseIds[0]);
    expect(["c", "d", "e"]).toContain(first.caseIds[1]);
    expect(prototypes.caseIds).toHaveLength(1);
  });

  it("goes on in each stage with the batches after those of the stage before", () => {
    const { data, seed } = settings();
    const batches = { ...data, augment: data, labeled: LABELED, unlabeled: UNLABELED, seed };
    const expected = whole.reports.map(({ stage, total }) => {
      const unlabeledPerBatch = stage === "prototypes" ? 0 : 1;
      return makeBatch({ ...batches, unlabeledPerBatch }, total - 1).caseIds;
    });
    expect(whole.reports.map(({ caseIds }) => caseIds)).toEqual(expected);
  });

  it("saves every so many iterations and at the end of each stage", () => {
    const saved = readdirSync(wholeDir).filter((name) => name.endsWith(".json"));
    expect(saved.map((name) => Number(name.slice(11, 18)))).toEqual([2, 4, 6, 8, 9, 11, 13, 15]);
  });

  it("ends with the network, its labeler and the prototypes", () => {
    const parts = new Set([...whole.final.keys()].map((name) => name.split(".")[0]));
    expect(parts).toEqual(new Set(["network", "labeler", "prototypes"]));
  });

  it("is the same run for the same seed and another for another", async () => {
    const again = await run({ checkpoints: fresh() });
    expectSame(again);
    const other = await run({ config: settings("seed=1"), checkpoints: fresh() });
    expect(other.reports[0]!.loss).not.toBe(whole.reports[0]!.loss);
    expect(other.final).not.toEqual(whole.final);
  });
});

describe("a run that was stopped", () => {
  // in the middle, at a checkpoint, at the last iteration of each stage and at the first of the next
  it.each([1, 4, 6, 7, 9, 10, 15])("after iteration %i and resumed is the same run", async (stopAfter) => {
    const checkpoints = fresh();
    const stopped = run({ checkpoints, stopAfter });
    await expect(stopped).rejects.toMatchObject({ code: "interrupted" });
    await expect(stopped).rejects.toBeInstanceOf(PenumbraError);
    const resumed = await run({ checkpoints });
    expect(resumed.reports).toHaveLength(TOTAL - stopAfter);
    expectSame(resumed);
  });

  it("again and again is the same run", async () => {
    const checkpoints = fresh();
    for (const stopAfter of [3, 5, 8, 12]) await expect(run({ checkpoints, stopAfter })).rejects.toThrow();
    expectSame(await run({ checkpoints }));
  });

  it.each([5, 12])("by a crash after iteration %i goes on from the last checkpoint", async (dieAfter) => {
    const checkpoints = fresh();
    await expect(run({ checkpoints, dieAfter })).rejects.toThrow("killed");
    const resumed = await run({ checkpoints });
    expect(resumed.reports[0]!.total).toBe(dieAfter === 5 ? 5 : 12);
    expectSame(resumed);
  });

  it("and whose newest checkpoints were damaged goes on from an older one", async () => {
    const checkpoints = fresh();
    await expect(run({ checkpoints, stopAfter: 12 })).rejects.toThrow();
    for (const total of [12, 11, 9]) {
      writeFileSync(join(checkpoints, `checkpoint-${String(total).padStart(7, "0")}.safetensors`), "damaged");
    }
    const warnings: string[] = [];
    const resumed = await run({ checkpoints, warn: (line) => warnings.push(line) });
    expect(warnings).toHaveLength(3);
    expect(resumed.reports[0]).toMatchObject({ stage: "prototypes", iteration: 3, total: 9 });
    expectSame(resumed);
  });
});

it("frees what it goes on from, and leaves libtorch's generators to others", async () => {
  const config = settings();
  const resume = loadCheckpoint(wholeDir, config.device, () => {})!;
  const nothing = () => {};
  const given = { config, precision: "fp32" as const, labeled: LABELED, unlabeled: UNLABELED };
  seedGenerators(3);
  const state = await runStages({ ...given, resume, save: nothing, onIteration: nothing });
  const drawn = randn([5]).toFloat32Array();
  seedGenerators(3);
  expect(randn([5]).toFloat32Array()).toEqual(drawn);
  for (const tensor of resume.state.values()) expect(() => tensor.shape).toThrow("already freed");
  for (const tensor of state.values()) tensor.dispose();
});

it("does not go on from a checkpoint of another configuration", async () => {
  for (const change of ["method=ssn", "stage1.iterations=5"]) {
    const checkpoints = fresh();
    cpSync(wholeDir, checkpoints, { recursive: true });
    const other = run({ config: settings(change, "ssn.samples=2"), checkpoints });
    await expect(other).rejects.toBeInstanceOf(StateMisfit);
    await expect(other).rejects.toThrow(
      /^the newest is after 6 iterations of stage2, 15 in all, and (ssn|aua) has \d+ of /,
    );
  }
});

it("two runs that take turns in one process are each as if it were alone", async () => {
  const other = settings("seed=1", "method=mean-teacher", "supervised.iterations=6");
  const alone = await run({ config: other, checkpoints: fresh() });
  const [first, second] = await Promise.all([
    run({ checkpoints: fresh() }),
    run({ config: other, checkpoints: fresh() }),
  ]);
  expectSame(first!);
  expect(second).toEqual(alone);
});

describe.each(METHOD_NAMES)("%s", (method) => {
  it("stopped and resumed is the same run", async () => {
    const config = settings(
      `method=${method}`,
      "supervised.iterations=6",
      "ssn.samples=2",
      "uaMt.passes=2",
      "bcp.pretraining=2",
      "densecl.iterations=6",
      "densecl.queue=16",
    );
    const undisturbed = await run({ config, checkpoints: fresh() });
    const checkpoints = fresh();
    await expect(run({ config, checkpoints, stopAfter: 3 })).rejects.toMatchObject({ code: "interrupted" });
    const resumed = await run({ config, checkpoints });
    expect(resumed.reports).toEqual(undisturbed.reports.slice(3));
    expect(resumed.final).toEqual(undisturbed.final);
  });
});

describe("a loss that is not finite", () => {
  it("is given up after twenty steps in a row, with the names of stage, term and case", async () => {
    const broken = LABELED.map((prepared) => ({ ...prepared, image: prepared.image.map(() => Number.NaN) }));
    const config = settings("method=supervised");
    const given = run({ config, checkpoints: fresh(), labeled: broken });
    await expect(given).rejects.toMatchObject({ code: "bad-input" });
    await expect(given).rejects.toThrow(
      /^supervised, iteration 20: loss term supervised not finite, and 20 steps in a row .* cases [ab], [ab]; lower/,
    );
  });
});

describe("skipped steps", () => {
  it("are counted over a stop, so that a run is given up where it would have been", async () => {
    const broken = LABELED.map((prepared) => ({ ...prepared, image: prepared.image.map(() => Number.NaN) }));
    const config = settings("method=supervised", "optimizer.skipLimit=5");
    const checkpoints = fresh();
    const given = { config, checkpoints, labeled: broken };
    await expect(run({ ...given, stopAfter: 3 })).rejects.toMatchObject({ code: "interrupted" });
    expect(loadCheckpoint(checkpoints, "cpu", () => {})?.skips).toEqual({ total: 3, inRow: 3 });
    await expect(run(given)).rejects.toThrow(/^supervised, iteration 5: .* 5 steps in a row/);
  });
});

describe("memory", () => {
  it("is as much after sixty iterations as after ten", async () => {
    const config = settings("supervised.iterations=60", "method=supervised", "checkpoint.every=20");
    const tensors: number[] = [];
    const onIteration = () => tensors.push(memoryFigures().tensors);
    const save = (checkpoint: Checkpoint) => saveCheckpoint(fresh(), checkpoint, 1);
    const given = { precision: "fp32" as const, labeled: LABELED, unlabeled: [], resume: null };
    const state = await runStages({ ...given, config, save, onIteration });
    for (const tensor of state.values()) tensor.dispose();
    expect(tensors).toHaveLength(60);
    expect(Math.max(...tensors.slice(10)), tensors.join(" ")).toBeLessThanOrEqual(tensors[9]!);
  });
});

describe("toDevice", () => {
  it("makes tensors of a batch, labels for the labeled patches only", () => {
    const batch = {
      iteration: 0,
      labeled: 1,
      images: Float32Array.of(1, 2, 3, 4),
      channels: 1,
      labels: Uint8Array.of(0, 2),
      region: Uint8Array.of(1, 0, 1, 1),
      caseIds: ["a", "b"],
      patchSize: [1, 1, 2] as const,
    };
    const patches = toDevice(batch, "cpu");
    expect([patches.images.shape, patches.region.shape]).toEqual([
      [2, 1, 1, 1, 2],
      [2, 1, 1, 1, 2],
    ]);
    expect([...patches.region.toFloat32Array()]).toEqual([1, 0, 1, 1]);
    expect([patches.labels.shape, patches.labels.dtype]).toEqual([[1, 1, 1, 2], "int64"]);
    expect([...patches.labels.toBigInt64Array()]).toEqual([0n, 2n]);
    expect(patches.hostLabels.map((map) => [...map])).toEqual([[0, 2]]);
  });
});
