import { badInput } from "../errors.js";
import { crc32 } from "../files/crc32.js";
import type { FileBytes } from "../files/file-bytes.js";
import { STORED_BYTES } from "../training/stored-dtype.js";
import { AllowedNames } from "./allowed-names.js";
import type { PickleValue } from "./pickle-values.js";
import { shown } from "./shown.js";
import type { StorageView } from "./stored-tensor.js";
import { MAX_PICKLE_BYTES, unpickle } from "./unpickle.js";
import { entryStart, readZipDirectory, type ZipEntry } from "./zip-directory.js";

/** A checkpoint's values, and where each storage begins in its file. */
export interface Checkpointed {
  readonly root: PickleValue;
  /** First byte of a storage. @throws PenumbraError "bad-input" when it is missing, too short or damaged */
  start(storage: StorageView): number;
}

/** Below what one read may take, above what is worth splitting. */
const CHUNK_BYTES = 1 << 24;

/** Reads an entry through, whatever its size, and compares its checksum. @returns where its bytes begin */
function checkEntry(file: FileBytes, entry: ZipEntry): number {
  const start = entryStart(file, entry);
  let checksum = 0;
  for (let done = 0; done < entry.size; done += CHUNK_BYTES) {
    checksum = crc32(file.read(start + done, Math.min(CHUNK_BYTES, entry.size - done)), checksum);
  }
  if (checksum === entry.crc32) return start;
  throw badInput(
    `${file.path} is damaged: the checksum of ${shown(entry.name)} does not match; copy it again ` +
      "(or save it again with torch.serialization.set_crc32_options(True))",
  );
}

function textOf(file: FileBytes, entry: ZipEntry): string {
  const length = Math.min(entry.size, 16);
  return Buffer.from(file.read(entryStart(file, entry), length)).toString("latin1");
}

/**
 * Reads the pickle of a checkpoint as PyTorch 1.6 and later write it: a zip archive with NAME/data.pkl and the
 * storages NAME/data/0, NAME/data/1 … Storages stay in the file.
 * @throws PenumbraError "bad-input": no such archive, TorchScript, big endian, a name that is not allowed
 */
export function readZipCheckpoint(file: FileBytes): Checkpointed {
  const entries = readZipDirectory(file);
  const pickles = [...entries.values()].filter(({ name }) => /^[^/]*\/data\.pkl$/.test(name));
  const pickle = pickles[0];
  if (!pickle || pickles.length > 1) {
    throw badInput(`${file.path}: a zip archive without one data.pkl; expected what torch.save wrote`);
  }
  const folder = pickle.name.slice(0, -"data.pkl".length);
  if (entries.has(`${folder}constants.pkl`)) {
    throw badInput(
      `${file.path}: a TorchScript program, which is never run; save its weights: torch.save(model.state_dict(), FILE)`,
    );
  }
  const order = entries.get(`${folder}byteorder`);
  if (order && textOf(file, order) !== "little")
    throw badInput(`${file.path}: written on a big-endian machine; save it again on another`);
  if (pickle.size > MAX_PICKLE_BYTES) {
    throw badInput(
      `${file.path}: its pickle takes ${pickle.size} bytes, at most ${MAX_PICKLE_BYTES} are read; save the weights alone`,
    );
  }
  const names = new AllowedNames(file.path);
  const root = unpickle(file.read(checkEntry(file, pickle), pickle.size), names, file.path).value;
  const starts = new Map<string, number>();
  const start = (storage: StorageView): number => {
    const known = starts.get(storage.key);
    if (known !== undefined) return known;
    const entry = entries.get(`${folder}data/${storage.key}`);
    const needed = storage.elements * STORED_BYTES[storage.dtype];
    if (!entry || entry.size < needed) {
      throw badInput(
        `${file.path} is damaged: storage ${shown(storage.key)} needs ${needed} bytes, it has ${entry?.size ?? "none"}; copy or save it again`,
      );
    }
    const found = checkEntry(file, entry);
    starts.set(storage.key, found);
    return found;
  };
  return { root, start };
}
