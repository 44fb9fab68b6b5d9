import { badInput } from "../errors.js";
import { FileBytes } from "../files/file-bytes.js";
import { type HostTensor, readSafetensors } from "../training/safetensors.js";
import { STORED_BYTES } from "../training/stored-dtype.js";
import { readLegacyCheckpoint } from "./legacy-checkpoint.js";
import { Dict, type PickleValue, Tuple } from "./pickle-values.js";
import { shown } from "./shown.js";
import { bytesTaken, gather, StoredTensor } from "./stored-tensor.js";
import { type Checkpointed, readZipCheckpoint } from "./zip-checkpoint.js";

/** A file of named tensors from elsewhere. */
export interface TensorFile {
  /** "PyTorch", "PyTorch before 1.6" or "safetensors". */
  readonly form: string;
  /** Every tensor by its full name: "state_dict.module.block_one.conv.0.weight". */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Texts that the file says about itself; only safetensors has them. */
  readonly metadata: Readonly<Record<string, string>>;
}

const WANTED = "a .pth, .pt or .safetensors file";
const ZIP = "PK\x03\x04";
const PICKLE = "\x80\x02";
/** A tensor may share its storage with others, and a half takes twice its bytes once read; a file gives no more. */
const MAX_GROWTH = 4;
const GROWTH_FLOOR_BYTES = 1 << 20;
const MAX_TENSORS = 1 << 16;
const MAX_NESTING = 16;
const MAX_NAME_LENGTH = 512;
/** Values reached by walking through the pickle; what is shared counts every time. */
const MAX_VISITED = 1 << 20;

/** The file's first bytes as a text of one byte a character. */
function signatureOf(file: FileBytes): string {
  return Buffer.from(file.read(0, Math.min(file.size, ZIP.length))).toString("latin1");
}

/**
 * Reads every tensor of a checkpoint (PyTorch's zip form and the one before 1.6) or a .safetensors file. Nothing in
 * the file is executed; sizes and offsets are checked before memory is taken, which is at most 4 times the file's
 * size and 1 MiB for the tensors, and 16 MiB of pickle with 2^19 objects.
 * @throws PenumbraError "bad-input" naming the file, and what in it is refused
 */
export function readTensorFile(path: string): TensorFile {
  const file = new FileBytes(path, WANTED);
  try {
    const signature = signatureOf(file);
    if (signature === ZIP)
      return { form: "PyTorch", metadata: {}, tensors: tensorsOf(file, readZipCheckpoint(file)) };
    if (signature.startsWith(PICKLE)) {
      return {
        form: "PyTorch before 1.6",
        metadata: {},
        tensors: tensorsOf(file, readLegacyCheckpoint(file)),
      };
    }
    if (!/\.safetensors$/i.test(path))
      throw badInput(`${path}: neither a PyTorch checkpoint nor named .safetensors; expected ${WANTED}`);
  } finally {
    file.close();
  }
  return { form: "safetensors", ...readSafetensors(path) };
}

function tensorsOf(file: FileBytes, { root, start }: Checkpointed): Map<string, HostTensor> {
  let budget = MAX_GROWTH * file.size + GROWTH_FLOOR_BYTES;
  const named = namedTensors(root, file.path);
  for (const [name, tensor] of named) {
    budget -= bytesTaken(tensor);
    if (budget < 0)
      throw badInput(
        `${file.path} is refused: with ${shown(name)} its tensors take over ${MAX_GROWTH} times the file's ${file.size} bytes`,
      );
  }
  return new Map(
    [...named].map(([name, tensor]) => {
      const bytes = STORED_BYTES[tensor.storage.dtype];
      const from = start(tensor.storage) + tensor.offset * bytes;
      return [name, gather(tensor, file.read(from, tensor.span * bytes))];
    }),
  );
}

/** Tensors in dicts, lists and tuples, however deep, named by keys and positions joined with dots. */
function namedTensors(root: PickleValue, path: string): Map<string, StoredTensor> {
  const found = new Map<string, StoredTensor>();
  let visited = 0;
  const visit = (value: PickleValue, name: string, nesting: number): void => {
    if (++visited > MAX_VISITED || nesting > MAX_NESTING || name.length > MAX_NAME_LENGTH) {
      throw badInput(
        `${path} is refused: over ${MAX_VISITED} values, ${MAX_NESTING} levels or ${MAX_NAME_LENGTH} letters in a name`,
      );
    }
    if (value instanceof StoredTensor) {
      if (found.has(name)) throw badInput(`${path} is refused: it has two tensors named ${shown(name)}`);
      found.set(name, value);
    }
    for (const [key, inner] of childrenOf(value)) {
      visit(inner, name === "" ? String(key) : `${name}.${String(key)}`, nesting + 1);
    }
  };
  visit(root, "", 0);
  if (found.size <= MAX_TENSORS) return found;
  throw badInput(`${path} is refused: it holds ${found.size} tensors, at most ${MAX_TENSORS} are read`);
}

function childrenOf(value: PickleValue): Iterable<[unknown, PickleValue]> {
  if (value instanceof Dict) return value.entries;
  if (value instanceof Tuple) return value.items.entries();
  return Array.isArray(value) ? value.entries() : [];
}
