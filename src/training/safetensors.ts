import { badInput } from "../errors.js";
import { FileBytes } from "../files/file-bytes.js";
import { parseJson } from "../files/json.js";
import { writeWholeFile } from "../files/whole-file.js";
import {
  ARRAYS,
  type Dtype,
  decodeElements,
  STORED_BYTES,
  STORED_DTYPES,
  type StoredDtype,
  type TensorData,
} from "./stored-dtype.js";

export type { Dtype, TensorData } from "./stored-dtype.js";

/** A tensor on the host: row-major data, as many elements as the shape's product ([] is a scalar). BOOL is 0 or 1 in bytes. */
export interface HostTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export interface Safetensors {
  readonly metadata: Record<string, string>;
  readonly tensors: Map<string, HostTensor>;
}

interface Entry {
  readonly name: string;
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const DTYPES = Object.keys(ARRAYS) as Dtype[];
const LENGTH_BYTES = 8;
/** The format's own limit on the header. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads a .safetensors file (https://huggingface.co/docs/safetensors, format section): header length, JSON
 * header, data. Every length and offset is checked against the file's size before anything is allocated. Types that
 * have no array here are widened without loss: F16 and BF16 to F32, I16 and I8 to I32.
 * Throws bad-input naming the file where it can't be opened or isn't whole.
 */
export function readSafetensors(path: string): Safetensors {
  const file = new FileBytes(path, "a .safetensors file");
  try {
    const headerBytes = readHeaderLength(file);
    const header = parseHeader(file.read(LENGTH_BYTES, headerBytes), path);
    const dataStart = LENGTH_BYTES + headerBytes;
    const entries = checkEntries(header, file.size - dataStart, path);
    const tensors = new Map<string, HostTensor>();
    for (const { name, dtype, shape, begin, end } of entries) {
      const bytes = file.read(dataStart + begin, end - begin);
      tensors.set(name, { shape, ...decodeElements(dtype, bytes) });
    }
    return { metadata: readMetadata(header, path), tensors };
  } finally {
    file.close();
  }
}

/**
 * Writes a .safetensors file, whole or not at all. Throws where data don't fill their shape, and as `writeWholeFile`.
 */
export const writeSafetensors = (
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Record<string, string> = {},
): void => writeWholeFile(path, encodeSafetensors(tensors, metadata));

/** A .safetensors file's bytes in parts. Wide elements first, so each tensor is aligned; data are not copied. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Record<string, string>,
): Uint8Array[] {
  const ordered = [...tensors].sort(([, a], [, b]) => DTYPES.indexOf(a.dtype) - DTYPES.indexOf(b.dtype));
  const header = encodeHeader(ordered, metadata);
  const values = ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return [header, ...values];
}

function readHeaderLength(file: FileBytes): number {
  if (file.size < LENGTH_BYTES) throw damaged(file.path, `it has ${file.size} bytes, too few for a header`);
  const length = new DataView(file.read(0, LENGTH_BYTES).buffer).getBigUint64(0, true);
  const limit = Math.min(MAX_HEADER_BYTES, file.size - LENGTH_BYTES);
  if (length < 2n || length > BigInt(limit)) {
    throw damaged(file.path, `its header claims ${length} bytes where 2 to ${limit} are possible`);
  }
  return Number(length);
}

function parseHeader(bytes: Uint8Array, path: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw damaged(path, "its header is not JSON", error);
  }
  if (!isRecord(header)) throw damaged(path, "its header is not a JSON object");
  return header;
}

function readMetadata(header: Record<string, unknown>, path: string): Record<string, string> {
  const metadata = header.__metadata__ ?? {};
  if (!isRecord(metadata)) throw damaged(path, "its __metadata__ is not an object");
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => {
      if (typeof value !== "string") throw damaged(path, `its metadata "${key}" is not text`);
      return [key, value];
    }),
  );
}

/** Tensors must tile the data part exactly: no overlap, no hole, nothing beyond the end. */
function checkEntries(header: Record<string, unknown>, dataBytes: number, path: string): Entry[] {
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => checkEntry(name, value, path))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) throw damaged(path, `tensor "${name}" starts at ${begin}, expected ${position}`);
    position = end;
  }
  if (position !== dataBytes)
    throw damaged(path, `its tensors take ${position} bytes but ${dataBytes} are there`);
  return entries;
}

function checkEntry(name: string, value: unknown, path: string): Entry {
  if (!isRecord(value)) throw damaged(path, `its entry for tensor "${name}" is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const known = STORED_DTYPES.find((candidate) => candidate === dtype);
  if (!known) {
    throw badInput(
      `${path}: tensor "${name}" is ${JSON.stringify(dtype)}; convert it to one of ${STORED_DTYPES.join(", ")}`,
    );
  }
  if (!isCounts(shape)) throw damaged(path, `tensor "${name}" has shape ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw damaged(path, `tensor "${name}" has offsets ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = elementCount(shape) * STORED_BYTES[known];
  if (end - begin !== expected) {
    throw damaged(
      path,
      `tensor "${name}" [${shape}] ${known} takes ${expected} bytes but has ${end - begin}`,
    );
  }
  return { name, dtype: known, shape, begin, end };
}

function encodeHeader(ordered: [string, HostTensor][], metadata: Record<string, string>): Uint8Array {
  let position = 0;
  const entries = ordered.map(([name, { dtype, shape, data }]) => {
    if (name === "__metadata__") throw new RangeError("a tensor can't be named __metadata__");
    if (!(data instanceof ARRAYS[dtype]) || data.length !== elementCount(shape)) {
      throw new RangeError(
        `writeSafetensors: "${name}" is ${data.constructor.name}(${data.length}), not ${dtype} of [${shape}]`,
      );
    }
    const begin = position;
    position += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, position] }];
  });
  const json = JSON.stringify(Object.fromEntries([["__metadata__", metadata], ...entries]));
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES;
  const header = new Uint8Array(LENGTH_BYTES + padded).fill(" ".charCodeAt(0));
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, LENGTH_BYTES);
  return header;
}

const elementCount = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
const damaged = (path: string, what: string, cause?: unknown) =>
  badInput(`${path} is not a whole .safetensors file: ${what}; copy or write it again`, cause);
