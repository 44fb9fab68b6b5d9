import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { saveCheckpoint, toTensors } from "./checkpoint.js";
import { isOfRun, readModelFile, writeModelFile } from "./model-file.js";
import { type HostTensor, readSafetensors, writeSafetensors } from "./safetensors.js";
import { NO_SKIPS } from "./skips.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-model-file-"));
afterAll(() => rmSync(dir, { recursive: true }));
const path = join(dir, "model.safetensors");

const tensors = (...values: number[]): Map<string, HostTensor> =>
  new Map([
    ["count", { dtype: "I64", shape: [1], data: BigInt64Array.of(3n) }],
    ["weight", { dtype: "F32", shape: [values.length], data: Float32Array.from(values) }],
    ["bias", { dtype: "F32", shape: [1], data: Float32Array.of(-1) }],
  ]);

it("reads back what was written, and files without a checksum", () => {
  writeModelFile(path, tensors(1, 2));
  expect(readModelFile(path).get("weight")?.data).toEqual(Float32Array.of(1, 2));
  writeSafetensors(path, tensors(1, 3), { format: "pt" });
  expect(readModelFile(path).get("weight")?.data).toEqual(Float32Array.of(1, 3));
});

it("refuses values that are not those that were written, to the last bit", () => {
  writeModelFile(path, tensors(1, 2));
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
  expect(() => readModelFile(path)).toThrow(`${path} is damaged: its checksum does not match; copy it again`);
});

it("refuses numbers that are not finite, where no checksum tells", () => {
  writeSafetensors(path, tensors(1, Number.NaN));
  expect(() => readModelFile(path)).toThrow('"weight" has values that are not finite');
});

it("knows a run's model and checkpoints from files that say other things under the same keys", () => {
  const position = { stage: "stage1", iteration: 1, total: 1 };
  const state = toTensors(tensors(1, 2), "cpu");
  saveCheckpoint(dir, { position, stageEnds: false, skips: NO_SKIPS, state }, 1);
  for (const tensor of state.values()) tensor.dispose();
  const isKnown = (file: string) => {
    const { metadata, tensors: read } = readSafetensors(file);
    return isOfRun(metadata, read);
  };
  expect(isKnown(join(dir, "checkpoint-0000001.safetensors"))).toBe(true);
  writeModelFile(path, tensors(1, 2));
  expect(isKnown(path)).toBe(true);
  const others: Record<string, string>[] = [{}, { checkpoint: "epoch=3.ckpt" }, { sha256: "0".repeat(64) }];
  for (const metadata of others) expect(isOfRun(metadata, tensors(1, 2))).toBe(false);
});
