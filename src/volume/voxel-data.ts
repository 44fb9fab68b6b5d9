import { badInput } from "../errors.js";
import { openStored, readPacked, readRaw, type StoredFile } from "./stored-file.js";
import { bytesOf, type StoredArray, type StoredType } from "./stored-image.js";
import { newStored, viewStored } from "./stored-voxels.js";

/** How voxels lie in a file. */
export interface VoxelData {
  readonly path: string;
  /** "packed": gzip or zlib; "text": numbers between blanks. */
  readonly encoding: "raw" | "packed" | "text";
  /** First byte in the file; "end": the voxels are the file's last bytes. */
  readonly start: number | "end";
  /** Bytes before the voxels, within what is unpacked. */
  readonly skip?: number;
  readonly packedBytes?: number;
  readonly type: StoredType;
  readonly littleEndian: boolean;
  readonly count: number;
}

/** Text longer than this is no image anybody would store so. */
const MAX_TEXT_BYTES = 2 ** 28;

/** Reads voxels. Bad input: fewer bytes or numbers than expected, damaged data. Nothing is allocated before a look at sizes. */
export async function loadVoxels(data: VoxelData): Promise<StoredArray> {
  const file = await openStored(data.path);
  if (data.encoding === "text") return loadText(file, data);
  const bytes = data.count * bytesOf(data.type);
  const raw =
    data.encoding === "raw" ? await loadRaw(file, data, bytes) : await loadPacked(file, data, bytes);
  return viewStored(raw, data.type, data.littleEndian);
}

async function loadRaw(file: StoredFile, { start, skip = 0 }: VoxelData, bytes: number): Promise<Uint8Array> {
  const from = start === "end" ? file.size - bytes : start + skip;
  if (from < 0 || file.size - from < bytes) throw cutShort(file, bytes, Math.max(0, file.size - from));
  return readRaw(file, from, bytes);
}

async function loadPacked(file: StoredFile, data: VoxelData, bytes: number): Promise<Uint8Array> {
  const { start, skip = 0, packedBytes } = data;
  if (start === "end" || start >= file.size) throw cutShort(file, bytes, 0);
  const length = Math.min(packedBytes ?? Number.POSITIVE_INFINITY, file.size - start);
  return (await readPacked(file, start, skip + bytes, length)).subarray(skip);
}

async function loadText(file: StoredFile, { start, type, count }: VoxelData): Promise<StoredArray> {
  const from = start === "end" ? file.size : start;
  const length = file.size - from;
  if (length < 2 * count - 1 || length > MAX_TEXT_BYTES) throw cutShort(file, 2 * count - 1, length);
  const text = Buffer.from(await readRaw(file, from, length)).toString("latin1");
  const numbers = text.split(/[\s,]+/).filter((word) => word !== "");
  if (numbers.length < count)
    throw badInput(
      `${file.path}: holds ${numbers.length} numbers for ${count} voxels; the file is cut short`,
    );
  return fromText(numbers, type, count, file.path);
}

function fromText(words: readonly string[], type: StoredType, count: number, path: string): StoredArray {
  const values = newStored(type, count);
  const big = values instanceof BigInt64Array || values instanceof BigUint64Array;
  for (let i = 0; i < count; i++) {
    const word = words[i]!;
    const value = /^[+-]?nan$/i.test(word) ? Number.NaN : Number(word.replace(/^([+-]?)inf$/i, "$1Infinity"));
    if (Number.isNaN(value) && !/nan/i.test(word))
      throw badInput(
        `${path}: ${JSON.stringify(word.slice(0, 40))} stands where voxel ${i} should be a number`,
      );
    if (big) values[i] = BigInt(Math.trunc(value));
    else values[i] = value;
  }
  return values;
}

const cutShort = (file: StoredFile, needs: number, has: number) =>
  badInput(
    `${file.path}: its header needs ${needs} bytes of voxels but ${has} are there; it is cut short or the header is damaged`,
  );
