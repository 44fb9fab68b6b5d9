import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataset } from "#dist/data/dataset.js";
import { zeros } from "#dist/engine/make-tensor.js";
import { scope } from "#dist/engine/scope.js";
import { loadCheckpoint, saveCheckpoint } from "#dist/training/checkpoint.js";
import { parseConfig, resolveConfig } from "#dist/training/config.js";
import { readConfigFile } from "#dist/training/config-file.js";
import { createRun, readRun } from "#dist/training/run-directory.js";
import { readRunLog } from "#dist/training/run-log.js";
import { mutateBytes, mutateJson } from "./mutate.js";
import { type Prepared, pick, type Target } from "./target.js";

/** A JSON file that is mutated as JSON. */
const jsonAt = (path: string, seeds: readonly string[], read: Prepared["read"]): Prepared => ({
  path,
  mutated: (random) => mutateJson(pick(seeds, random), random),
  read,
});

const datasetJson: Target = {
  name: "dataset.json",
  share: 8,
  async prepare(dir) {
    for (const folder of ["imagesTr", "labelsTr", "imagesTs", "labelsTs"]) mkdirSync(join(dir, folder));
    for (const file of ["imagesTr/a", "imagesTr/b", "labelsTr/a", "imagesTs/c", "labelsTs/c"]) {
      writeFileSync(join(dir, `${file}.nii.gz`), "");
    }
    const pair = { image: "./imagesTr/a.nii.gz", label: "./labelsTr/a.nii.gz" };
    const labels = { "0": "background", "1": "liver" };
    const decathlon = {
      modality: { "0": "CT" },
      labels,
      training: [pair, "imagesTr/b.nii.gz"],
      test: ["imagesTs/c.nii.gz"],
    };
    const nnUnet = {
      channel_names: { "0": "CT" },
      labels: { background: 0, liver: 1 },
      file_ending: ".nii.gz",
    };
    const seeds = [decathlon, nnUnet].map((value) => JSON.stringify(value));
    return jsonAt(join(dir, "dataset.json"), seeds, () => openDataset(dir));
  },
};

const trainList: Target = {
  name: "train.list",
  share: 4,
  async prepare(dir) {
    for (const name of ["a", "b"]) {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, "mri_norm2.h5"), "");
    }
    const path = join(dir, "train.list");
    return {
      path,
      mutated: (random) => mutateBytes(Buffer.from("a\nb\n"), random),
      read: () => openDataset(dir),
    };
  },
};

const config: Target = {
  name: "config",
  share: 10,
  async prepare(dir) {
    const path = join(dir, "config.json");
    const whole = resolveConfig({ preset: "la" });
    const { stage1, data } = whole;
    const seeds = [
      { stage1, data },
      { method: "aua", optimizer: { learningRate: 0.1 } },
    ].map((value) => JSON.stringify(value));
    return {
      path,
      mutated: (random) =>
        mutateJson(random.below(2) === 0 ? JSON.stringify(whole) : pick(seeds, random), random),
      read: () => {
        const file = readConfigFile(path);
        try {
          resolveConfig({ file });
        } finally {
          parseConfig(file, path);
        }
      },
    };
  },
};

/** A run's record, its config or its log. */
const runDirectory: Target = {
  name: "run",
  share: 8,
  async prepare(dir) {
    const run = join(dir, "run");
    const dataset = { dir: "/data", classNames: ["background", "x"], labeled: [], unlabeled: [], test: [] };
    const engine = { libtorch: "1", precision: "fp32", threads: 1, processor: "x" } as const;
    createRun(run, { config: resolveConfig({}), dataset }, engine).release();
    const path = join(run, "run.json");
    return jsonAt(path, [readFileSync(path, "utf8")], () => readRun(run));
  },
};

const log: Target = {
  name: "log",
  share: 4,
  async prepare(dir) {
    const line = {
      stage: "stage1",
      iteration: 1,
      total: 1,
      loss: 1,
      terms: { dice: 1 },
      weights: {},
      learningRate: 0.1,
      secondsPerIteration: 1,
      waitedMs: 0,
      caseIds: ["a"],
    };
    const seed = JSON.stringify(line);
    return {
      path: join(dir, "log.jsonl"),
      mutated: (random) =>
        Buffer.concat([Buffer.from(`${seed}\n`), mutateJson(seed, random), Buffer.from(`\n${seed}\n`)]),
      read: () => readRunLog(dir),
    };
  },
};

/** A checkpoint's manifest; the tensors are whole. */
const manifest: Target = {
  name: "manifest",
  share: 6,
  async prepare(dir) {
    const position = { stage: "stage1", iteration: 3, total: 3 };
    const begun = { position, stageEnds: false, skips: { total: 0, inRow: 0 } };
    scope(() => saveCheckpoint(dir, { ...begun, state: new Map([["x", zeros([2])]]) }, 1));
    const path = join(dir, "checkpoint-0000003.json");
    cpSync(path, `${path}.seed`);
    return jsonAt(path, [readFileSync(path, "utf8")], () =>
      scope(() => loadCheckpoint(dir, "cpu", () => {})),
    );
  },
};

export const TEXT_TARGETS: readonly Target[] = [datasetJson, trainList, config, runDirectory, log, manifest];
