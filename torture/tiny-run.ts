import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writePhantomDataset } from "#dist/demo/phantom-dataset.js";
import { sha256OfFile } from "#dist/files/checksum.js";

/** A data directory with which a whole run takes a second. */
export async function makeTinyData(dir: string): Promise<string> {
  await writePhantomDataset(dir, { labeled: 2, unlabeled: 2, test: 1, shape: [18, 20, 22], seed: 1 });
  return dir;
}

/** Both stages of AUA, small: sixteen iterations, nine checkpoints. */
export const TINY_RUN: readonly string[] = [
  "model.filters=2",
  "model.rank=2",
  "data.patchSize=[16,16,16]",
  "data.labeledPerBatch=1",
  "data.unlabeledPerBatch=1",
  "data.workers=1",
  "data.rotate90=true",
  "stage1.iterations=6",
  "stage1.samples=2",
  "stage1.contrast.anchors=50",
  "stage1.consistency.rampUp=6",
  "prototypes.iterations=4",
  "stage2.iterations=6",
  "optimizer.decayEvery=4",
  "inference.stride=[8,8,8]",
  "inference.uncertaintySamples=2",
  "checkpoint.every=2",
  "checkpoint.keep=2",
  "threads=1",
  "precision=fp32",
];

export const trainArguments = (data: string, out: string, more: readonly string[] = []): string[] => [
  ...["train", "--data", data, "--out", out],
  ...[...TINY_RUN, ...more].flatMap((set) => ["--set", set]),
];

/** Times differ from run to run; all else in a log must not. */
const withoutTimes = (line: string): string => {
  const { secondsPerIteration: _, waitedMs: __, ...rest } = JSON.parse(line);
  return JSON.stringify(rest);
};

/** All that a finished run leaves and that must be the same again: checksums of its tensors, and its log. */
export function traceOf(run: string): Record<string, string> {
  const tensors = readdirSync(join(run, "checkpoints")).filter((name) => name.endsWith(".safetensors"));
  const log = readFileSync(join(run, "log.jsonl"), "utf8").trimEnd().split("\n");
  return {
    ...Object.fromEntries(tensors.map((name) => [name, sha256OfFile(join(run, "checkpoints", name))])),
    "model.safetensors": sha256OfFile(join(run, "model.safetensors")),
    log: log.map(withoutTimes).join("\n"),
  };
}

/** What differs between two traces; "" for the same. */
export function differenceOf(a: Record<string, string>, b: Record<string, string>): string {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.filter((name) => a[name] !== b[name]).join(", ");
}
