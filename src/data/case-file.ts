import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { badInput } from "../errors.js";
import { discard, isLeftover, writeWholeFile } from "../files/whole-file.js";
import { type Box, boxShape } from "../volume/box.js";
import { type Grid, voxelCount } from "../volume/volume.js";
import { orAnotherCache } from "./cache-directory.js";
import type { PreparedCase } from "./prepare.js";

/** The arrays of a prepared case. */
export type ArrayName = "image" | "label" | "region";

/** A prepared case in a file of its own. Small and plain, so that worker threads are told of it and read what they need. */
export interface StoredCase {
  readonly id: string;
  readonly path: string;
  readonly grid: Grid;
  /** Of the image; absent: 1. */
  readonly channels?: number;
  /** Byte offsets of the arrays, [D, H, W], the image's of its first channel; null where the case has none. */
  readonly offsets: Readonly<Record<ArrayName, number | null>>;
}

const LENGTH_BYTES = 8;
/** Below the 2 GiB that one call may carry. */
const CHUNK_BYTES = 1 << 30;
/** Enough for a grid and three entries; a longer header is no prepared case's. */
const MAX_HEADER_BYTES = 1 << 16;

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** The arrays in the order of the file: the wide one first, so that each is aligned. */
const arraysOf = ({ image, label, region }: PreparedCase): [ArrayName, Float32Array | Uint8Array][] => [
  ["image", image],
  ...(label ? [["label", label] as [ArrayName, Uint8Array]] : []),
  ...(region ? [["region", region] as [ArrayName, Uint8Array]] : []),
];

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function encodeHeader(prepared: PreparedCase): Buffer {
  let position = 0;
  const entries = arraysOf(prepared).map(([name, data]): [string, Entry] => {
    const begin = position;
    position += data.byteLength;
    const dtype = data instanceof Float32Array ? "F32" : "U8";
    const { shape: space } = prepared.grid;
    const channels = data.length / voxelCount(space);
    const shape = channels > 1 ? [channels, ...space] : space;
    return [name, { dtype, shape, data_offsets: [begin, position] }];
  });
  const metadata = { grid: JSON.stringify(prepared.grid) };
  const text = Buffer.from(JSON.stringify(Object.fromEntries([["__metadata__", metadata], ...entries])));
  const header = Buffer.alloc(LENGTH_BYTES + Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES, " ");
  header.writeBigUInt64LE(BigInt(header.length - LENGTH_BYTES));
  text.copy(header, LENGTH_BYTES);
  return header;
}

const DAY_MS = 86_400_000;

/** What a stopped preparation left half written (as ".part" before there was one way to write whole files), long enough ago that nobody writes on. What can't be removed stays. */
function removeOldLeftovers(folder: string): void {
  try {
    for (const name of readdirSync(folder).filter((one) => isLeftover(one) || one.endsWith(".part"))) {
      const path = join(folder, name);
      if (Date.now() - statSync(path).mtimeMs > DAY_MS) discard(path);
    }
  } catch {}
}

/**
 * Writes a prepared case in the safetensors format (uncompressed arrays behind a JSON header, so that it can be mapped
 * into memory), whole or not at all.
 * @throws PenumbraError "bad-input" or "environment" when it can't be written, with the way out
 */
export function writeCaseFile(path: string, prepared: PreparedCase): void {
  removeOldLeftovers(dirname(path));
  const arrays = arraysOf(prepared).map(([, data]) => bytesOf(data));
  orAnotherCache(() => writeWholeFile(path, [encodeHeader(prepared), ...arrays]));
}

/** Reads exactly `length` bytes from `position`; fewer where the file ends. */
function readAt(file: number, into: Uint8Array, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const got = readSync(file, into, done, Math.min(CHUNK_BYTES, length - done), position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** A prepared case's file by its header; null where there is none, or one that is not whole. */
export function openCaseFile(path: string, id: string): StoredCase | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null;
  }
  try {
    const start = Buffer.alloc(LENGTH_BYTES + MAX_HEADER_BYTES);
    const got = readAt(file, start, start.length, 0);
    const length = Number(start.readBigUInt64LE());
    if (length > MAX_HEADER_BYTES || LENGTH_BYTES + length > got) return null;
    const header = JSON.parse(start.toString("utf8", LENGTH_BYTES, LENGTH_BYTES + length));
    const dataStart = LENGTH_BYTES + length;
    const end = Math.max(
      ...(["image", "label", "region"] as const).map((name) => header[name]?.data_offsets[1] ?? 0),
    );
    if (fstatSync(file).size !== dataStart + end) return null;
    const offset = (name: ArrayName) => {
      const entry = header[name] as Entry | undefined;
      return entry ? dataStart + entry.data_offsets[0] : null;
    };
    const grid = JSON.parse(header.__metadata__.grid) as Grid;
    const { shape } = header.image as Entry;
    return {
      id,
      path,
      grid,
      ...(shape.length > 3 && { channels: shape[0]! }),
      offsets: { image: offset("image"), label: offset("label"), region: offset("region") },
    };
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}

/**
 * The voxels of a box [D, H, W] out of each named array, of the image out of each channel, [C, D, H, W], read by position:
 * no more of the file than the box's rows is touched. An array that the case does not have is null. Bad input: a file that is gone or was cut short meanwhile.
 */
export function readCaseBox(
  stored: StoredCase,
  names: readonly ArrayName[],
  box: Box,
): Partial<Record<ArrayName, Float32Array | Uint8Array | null>> {
  let file: number;
  try {
    file = openSync(stored.path, "r");
  } catch (cause) {
    throw badInput(
      `${stored.path}: the prepared case is gone (${(cause as Error).message}); go on with: penumbra train --resume RUN, which prepares it again`,
      cause,
    );
  }
  try {
    return Object.fromEntries(names.map((name) => [name, readBox(file, stored, name, box)]));
  } finally {
    closeSync(file);
  }
}

function readBox(file: number, { path, grid, offsets, channels = 1 }: StoredCase, name: ArrayName, box: Box) {
  const offset = offsets[name];
  if (offset === null) return null;
  const [depth, height, width] = grid.shape;
  const shape = boxShape(box);
  const [ArrayType, count] =
    name === "image" ? ([Float32Array, channels] as const) : ([Uint8Array, 1] as const);
  const out = new ArrayType(count * voxelCount(shape));
  const bytes = out.BYTES_PER_ELEMENT;
  const rows = new ArrayType(shape[1] * width);
  const raw = new Uint8Array(rows.buffer);
  for (let plane = 0, at = 0; plane < count * shape[0]; plane++) {
    const [c, d] = [Math.floor(plane / shape[0]), plane % shape[0]];
    const first = ((c * depth + d + box.start[0]) * height + box.start[1]) * width;
    if (readAt(file, raw, raw.length, offset + first * bytes) < raw.length)
      throw badInput(`${path}: the prepared case was cut short; delete it, it is made again`);
    for (let h = 0; h < shape[1]; h++, at += shape[2]) {
      const row = h * width + box.start[2];
      out.set(rows.subarray(row, row + shape[2]), at);
    }
  }
  return out;
}
