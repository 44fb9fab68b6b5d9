import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fromArray } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { badInput, PenumbraError } from "../errors.js";
import { sha256, sha256OfFile } from "../files/checksum.js";
import { parseJson } from "../files/json.js";
import { machineReason, systemCodeOf } from "../files/system-error.js";
import { readTextFile } from "../files/text-file.js";
import { writeJson, writeWholeFile } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";
import type { StateDict } from "../nn/module.js";
import { DivergedError } from "./diverged.js";
import { firstNotFinite, readModelFile, writeModelFile } from "./model-file.js";
import { encodeSafetensors, type HostTensor, readSafetensors } from "./safetensors.js";
import { NO_SKIPS, type SkipCounts } from "./skips.js";

/** Where a run stands: `iteration` iterations of `stage` are done. */
export interface Position {
  readonly stage: string;
  readonly iteration: number;
  /** Iterations of all stages together; numbers the checkpoints. */
  readonly total: number;
}

export interface Checkpoint {
  readonly position: Position;
  /** The stage is done with it: such checkpoints are kept. */
  readonly stageEnds: boolean;
  readonly skips: SkipCounts;
  readonly state: StateDict;
}

/** What a checkpoint is of. Stored with the tensors, under their checksum, and in the manifest for people to read. */
type Description = Omit<Checkpoint, "state">;

/** Beside each tensor file. Written last, so it vouches for the tensors. */
interface Manifest extends Position, Partial<Omit<Description, "position">> {
  readonly format: 1;
  readonly tensors: string;
  readonly sha256: string;
}

const nameOf = (total: number): string => `checkpoint-${String(total).padStart(7, "0")}`;
const NAME = /^checkpoint-(\d{7,})\.(json|safetensors)$/;

/** A tensor's values for a file; 64-bit integers and bytes keep their type, all else is float32. */
function toHost(tensor: Tensor): HostTensor {
  const { shape, dtype } = tensor;
  if (dtype === "uint8") return { dtype: "U8", shape, data: tensor.toUint8Array() };
  if (dtype === "int64") return { dtype: "I64", shape, data: tensor.toBigInt64Array() };
  return { dtype: "F32", shape, data: tensor.toFloat32Array() };
}

const hostState = (state: StateDict): Map<string, HostTensor> =>
  scope(() => new Map([...state].map(([key, tensor]) => [key, toHost(tensor)])));

/** Writes a finished network's state, whole or not at all. */
export const writeState = (path: string, state: StateDict): void => writeModelFile(path, hostState(state));

/** @throws DivergedError naming the first tensor with a number that is not finite. */
function checkFinite(host: ReadonlyMap<string, HostTensor>, { stage, iteration }: Position): void {
  const name = firstNotFinite(host);
  if (name === undefined) return;
  throw new DivergedError(
    `${stage}, iteration ${iteration}: "${name}" is no longer finite, so no checkpoint is written; ` +
      "train again with a lower optimizer.learningRate or with optimizer.clipNorm",
  );
}

/**
 * Saves a checkpoint, then removes all before it but the newest `keep` and the ends of stages. A kill at any moment
 * leaves the one before intact.
 * @throws PenumbraError as `writeWholeFile`, and DivergedError for a state with numbers that are not finite.
 */
export function saveCheckpoint(directory: string, { state, ...description }: Checkpoint, keep: number): void {
  const { position, ...rest } = description;
  const host = hostState(state);
  checkFinite(host, position);
  const name = nameOf(position.total);
  const tensors = `${name}.safetensors`;
  const parts = encodeSafetensors(host, { format: "pt", checkpoint: JSON.stringify(description) });
  writeWholeFile(join(directory, tensors), parts);
  const manifest: Manifest = { format: 1, ...position, ...rest, tensors, sha256: sha256(parts) };
  writeJson(join(directory, `${name}.json`), manifest);
  removeOldCheckpoints(directory, position.total, keep);
}

/**
 * Removes checkpoints up to the one numbered `total` but the newest `keep` and the ends of stages. Those numbered above
 * are left: only damaged ones can be, and the run will write them again.
 */
export function removeOldCheckpoints(directory: string, total: number, keep: number): void {
  const upToNow = [...new Set(totalsIn(directory))].filter((other) => other <= total);
  for (const old of upToNow.slice(keep)) {
    const path = join(directory, nameOf(old));
    if (endsStage(`${path}.json`)) continue;
    for (const file of [`${path}.json`, `${path}.safetensors`]) remove(file);
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw writeFailure(path, error, "can't be removed");
  }
}

function endsStage(manifestPath: string): boolean {
  try {
    return (
      (parseJson(readTextFile(manifestPath, "a checkpoint's manifest")) as Manifest | null)?.stageEnds ===
      true
    );
  } catch {
    return false; // damaged: no use to keep
  }
}

/** Numbers of the checkpoint files there that end so, newest first; left out, of all. */
function totalsIn(directory: string, ending?: "json"): number[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .flatMap((file) => {
      const [, total, itsEnding] = NAME.exec(file) ?? [];
      return total && (ending ?? itsEnding) === itsEnding ? [Number(total)] : [];
    })
    .sort((a, b) => b - a);
}

/** Whether a run directory's folder of checkpoints has one, whole or not. */
export const holdsCheckpoint = (directory: string): boolean => totalsIn(directory, "json").length > 0;

/** Tensors of the host on a device. */
export const toTensors = (host: ReadonlyMap<string, HostTensor>, device: string): StateDict =>
  new Map([...host].map(([name, { data, shape }]) => [name, fromArray(data, shape, device)]));

/** A finished network's state on a device. @throws PenumbraError "bad-input" naming the file when it is damaged. */
export const readState = (path: string, device: string): StateDict => toTensors(readModelFile(path), device);

/** What a checkpoint's files hold. @throws an error that says how it is damaged */
function readCheckpoint(path: string): Description & { readonly tensors: ReadonlyMap<string, HostTensor> } {
  const manifest = parseJson(readTextFile(`${path}.json`, "a checkpoint's manifest")) as Manifest;
  const tensorPath = `${path}.safetensors`;
  if (manifest.format !== 1 || sha256OfFile(tensorPath) !== manifest.sha256)
    throw new Error("its checksum does not match");
  const { metadata, tensors } = readSafetensors(tensorPath);
  const description = metadata.checkpoint
    ? (parseJson(metadata.checkpoint) as Description)
    : describedBy(manifest);
  return { ...description, tensors };
}

/** Of a checkpoint that was written before tensor files carried their description. */
const describedBy = ({ stage, iteration, total }: Manifest): Description => ({
  position: { stage, iteration, total },
  stageEnds: false,
  skips: NO_SKIPS,
});

/** What says nothing of a file's content: it can't be read just now. */
const isOfTheMachine = (error: unknown): boolean =>
  machineReason(error) !== null ||
  systemCodeOf(error) === "EACCES" ||
  (error instanceof PenumbraError && error.code === "environment");

/**
 * The newest checkpoint that is whole, or null when there is none. Damaged ones are passed over and named to `warn`.
 * @throws PenumbraError "bad-input" when there are checkpoints and all of them are damaged; what the machine or the device
 *   says where a whole one can't be read or has no room.
 */
export function loadCheckpoint(
  directory: string,
  device: string,
  warn: (line: string) => void,
): Checkpoint | null {
  const totals = totalsIn(directory, "json");
  for (const total of totals) {
    const path = join(directory, nameOf(total));
    let read: ReturnType<typeof readCheckpoint>;
    try {
      read = readCheckpoint(path);
    } catch (error) {
      if (isOfTheMachine(error)) {
        const { message } = error as Error;
        throw new PenumbraError("environment", `${path}: can't be read (${message})`, { cause: error });
      }
      const how = error instanceof Error ? error.message : error;
      warn(`${path}.json is damaged (${how}); trying the one before`);
      continue;
    }
    const { tensors, ...description } = read; // a device without room for them says nothing of the file
    return { ...description, state: toTensors(tensors, device) };
  }
  if (totals.length > 0)
    throw badInput(
      `${directory}: all ${totals.length} checkpoints are damaged; train again into a new directory`,
    );
  return null;
}
