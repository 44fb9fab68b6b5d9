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
  return fromText(text, type, count, file.path);
}

/** What a word means as a number: NaN and infinities, signed or not, too; null for none. */
function numberOf(word: string): number | null {
  if (/^[+-]?nan$/i.test(word)) return Number.NaN;
  const value = Number(word.replace(/^([+-]?)inf(inity)?$/i, "$1Infinity"));
  return Number.isNaN(value) ? null : value;
}

function fromText(text: string, type: StoredType, count: number, path: string): StoredArray {
  const values = newStored(type, count);
  const big = values instanceof BigInt64Array || values instanceof BigUint64Array;
  let i = 0;
  for (const [word] of text.matchAll(/[^\s,]+/g)) {
    if (i === count) return values;
    const value = numberOf(word);
    if (value === null || (big && !Number.isFinite(value))) {
      const said = JSON.stringify(word.slice(0, 40));
      throw badInput(`${path}: ${said} stands where voxel ${i} should be a${big ? " whole" : ""} number`);
    }
    if (big) values[i++] = BigInt(Math.trunc(value));
    else values[i++] = value;
  }
  if (i === count) return values;
  throw badInput(`${path}: holds ${i} numbers for ${count} voxels; the file is cut short`);
}

const cutShort = (file: StoredFile, needs: number, has: number) =>
  badInput(
    `${file.path}: its header needs ${needs} bytes of voxels but ${has} are there; it is cut short or the header is damaged`,
  );
