import { badInput } from "../errors.js";
import type { FileBytes } from "../files/file-bytes.js";
import { STORED_BYTES } from "../training/stored-dtype.js";
import { AllowedNames } from "./allowed-names.js";
import { Dict, type PickleValue } from "./pickle-values.js";
import { shown } from "./shown.js";
import type { StorageView } from "./stored-tensor.js";
import { MAX_PICKLE_BYTES, unpickle } from "./unpickle.js";
import type { Checkpointed } from "./zip-checkpoint.js";

/** The first pickle of the form before PyTorch 1.6, and the second. Source: torch/serialization.py. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** Before each storage: how many elements it has. */
const COUNT_BYTES = 8;

/**
 * Reads a checkpoint as PyTorch before 1.6 wrote it: five pickles (magic, protocol, machine, values, storage keys),
 * then each storage's count and elements. Storages stay in the file.
 * @throws PenumbraError "bad-input": not this form, big endian, damaged, a name that is not allowed
 */
export function readLegacyCheckpoint(file: FileBytes): Checkpointed {
  const head = file.read(0, Math.min(file.size, 2 * MAX_PICKLE_BYTES));
  const names = new AllowedNames(file.path);
  let position = 0;
  const next = (): PickleValue => {
    const { value, length } = unpickle(head.subarray(position), names, file.path);
    position += length;
    return value;
  };
  if (next() !== MAGIC || next() !== PROTOCOL) {
    throw badInput(
      `${file.path}: a pickle, but no PyTorch checkpoint; save it with torch.save(model.state_dict(), FILE)`,
    );
  }
  const machine = next();
  if (machine instanceof Dict && machine.entries.get("little_endian") === false) {
    throw badInput(`${file.path}: written on a big-endian machine; save it again on another`);
  }
  const root = next();
  const starts = locateStorages(file, next(), position, names.storages);
  const start = ({ key }: StorageView): number => {
    const found = starts.get(key);
    if (found === undefined) throw damaged(file, `storage ${shown(key)} is missing`);
    return found;
  };
  return { root, start };
}

function locateStorages(
  file: FileBytes,
  keys: PickleValue,
  from: number,
  storages: ReadonlyMap<string, StorageView>,
): Map<string, number> {
  if (!Array.isArray(keys)) throw damaged(file, "its list of storages is none");
  const starts = new Map<string, number>();
  let position = from;
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage || starts.has(storage.key))
      throw damaged(file, "its list of storages names one that it does not use, or one twice");
    const count = new DataView(file.read(position, COUNT_BYTES).buffer).getBigInt64(0, true);
    if (count !== BigInt(storage.elements)) {
      throw damaged(
        file,
        `storage ${shown(storage.key)} has ${count} elements, expected ${storage.elements}`,
      );
    }
    position += COUNT_BYTES;
    starts.set(storage.key, position);
    position += storage.elements * STORED_BYTES[storage.dtype];
    if (position > file.size) throw damaged(file, `storage ${shown(storage.key)} ends outside it`);
  }
  return starts;
}

const damaged = (file: FileBytes, what: string) =>
  badInput(`${file.path} is damaged: ${what}; copy or save it again`);
