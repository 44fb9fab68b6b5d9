import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { scope } from "../engine/scope.js";
import { fromArray, type Tensor } from "../engine/tensor.js";
import { badInput } from "../errors.js";
import type { StateDict } from "../nn/module.js";
import { type HostTensor, readSafetensors, writeSafetensors } from "./safetensors.js";
import { writeJson } from "./whole-file.js";

/** Where a run stands: `iteration` iterations of `stage` are done. */
export interface Position {
  readonly stage: string;
  readonly iteration: number;
  /** Iterations of all stages together; numbers the checkpoints. */
  readonly total: number;
}

/** Beside each tensor file: what it is a checkpoint of, and its checksum. Written last, so it vouches for the tensors. */
interface Manifest extends Position {
  readonly format: 1;
  readonly tensors: string;
  readonly sha256: string;
}

export interface Checkpoint {
  readonly position: Position;
  readonly state: StateDict;
}

const nameOf = (total: number): string => `checkpoint-${String(total).padStart(7, "0")}`;
const NAME = /^checkpoint-(\d{7,})\.json$/;

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** A tensor's values for a file; 64-bit integers and bytes keep their type, all else is float32. */
function toHost(tensor: Tensor): HostTensor {
  const { shape, dtype } = tensor;
  if (dtype === "uint8") return { dtype: "U8", shape, data: tensor.toUint8Array() };
  if (dtype === "int64") return { dtype: "I64", shape, data: tensor.toBigInt64Array() };
  return { dtype: "F32", shape, data: tensor.toFloat32Array() };
}

/** Writes tensors as one safetensors file, whole or not at all. */
export const writeState = (path: string, state: StateDict): void =>
  scope(() => {
    const host = new Map([...state].map(([key, tensor]) => [key, toHost(tensor)]));
    writeSafetensors(path, host, { format: "pt" });
  });

/** Saves a checkpoint, then removes all but the newest `keep`. A kill at any moment leaves the one before intact. */
export function saveCheckpoint(directory: string, { position, state }: Checkpoint, keep: number): void {
  const name = nameOf(position.total);
  const tensors = `${name}.safetensors`;
  writeState(join(directory, tensors), state);
  const manifest: Manifest = { format: 1, ...position, tensors, sha256: sha256(join(directory, tensors)) };
  writeJson(join(directory, `${name}.json`), manifest);
  for (const old of checkpointsIn(directory).slice(keep)) {
    rmSync(join(directory, `${old}.json`));
    rmSync(join(directory, `${old}.safetensors`), { force: true });
  }
}

/** Names of the checkpoints there, newest first. */
function checkpointsIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => NAME.test(name));
  return names
    .map((name) => name.slice(0, -".json".length))
    .sort()
    .reverse();
}

/** States on a device, from a file. @throws PenumbraError "bad-input" naming the file when it is damaged. */
export function readState(path: string, device: string): StateDict {
  const { tensors } = readSafetensors(path);
  return new Map([...tensors].map(([name, { data, shape }]) => [name, fromArray(data, shape, device)]));
}

/**
 * The newest checkpoint that is whole, or null when there is none. Damaged ones are passed over and named to `warn`.
 * @throws PenumbraError "bad-input" when there are checkpoints and all of them are damaged.
 */
export function loadCheckpoint(
  directory: string,
  device: string,
  warn: (line: string) => void,
): Checkpoint | null {
  const names = checkpointsIn(directory);
  for (const name of names) {
    const manifestPath = join(directory, `${name}.json`);
    try {
      const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as Manifest;
      const { stage, iteration, total } = manifest;
      const tensors = join(directory, `${name}.safetensors`);
      if (manifest.format !== 1 || sha256(tensors) !== manifest.sha256)
        throw new Error("its checksum does not match");
      return { position: { stage, iteration, total }, state: readState(tensors, device) };
    } catch (error) {
      warn(
        `${manifestPath} is damaged (${error instanceof Error ? error.message : error}); trying the one before`,
      );
    }
  }
  if (names.length > 0)
    throw badInput(
      `${directory}: all ${names.length} checkpoints are damaged; train again into a new directory`,
    );
  return null;
}
