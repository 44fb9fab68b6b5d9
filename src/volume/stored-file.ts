import { constants as bufferConstants } from "node:buffer";
import { createReadStream, constants as fsConstants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { constants, createUnzip, gunzipSync } from "node:zlib";
import { badInput, PenumbraError } from "../errors.js";
import { systemCodeOf, throwIfMachine } from "../files/system-error.js";

/** A file whose bytes may be gzipped; told by its content, not its name. */
export interface StoredFile {
  readonly path: string;
  /** Bytes on disk. */
  readonly size: number;
  readonly gzip: boolean;
}

/** Deflate can't do better (zlib's technical notes), so more than this times the file's size isn't in it. */
const MAX_GZIP_RATIO = 1032;
/** Bytes after the voxels that are tolerated: some writers pad. */
const TRAILING_BYTES = 1 << 20;
/** Enough of a gzip file to hold the first 540 bytes, little enough to expand to 16 MiB at most. */
const GZIP_HEAD_BYTES = 1 << 14;

/** For reading; a pipe does not make the program wait for somebody to write into it. */
const READ_FLAGS = fsConstants.O_RDONLY | fsConstants.O_NONBLOCK;

const CHUNK_BYTES = 1 << 20;
/** Below the 2 GiB that one read call may carry. */
const READ_BYTES = 1 << 30;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "not readable, permission denied",
  EISDIR: "is a folder, expected a file",
  ENOTDIR: "no such file",
};

/** Opens a regular file, does the work and closes it; bad input when it can't be opened, unless the machine is to blame. */
async function withFile<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, READ_FLAGS).catch((cause: Error) => {
    throwIfMachine(path, cause);
    throw badInput(`${path}: ${REASONS[systemCodeOf(cause)] ?? cause.message}`, cause);
  });
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

/** Bad input: more than one piece of memory may hold. */
function allocate(path: string, length: number): Buffer {
  if (length <= bufferConstants.MAX_LENGTH) return Buffer.allocUnsafeSlow(length);
  throw badInput(
    `${path}: ${length} bytes in one piece are needed; at most ${bufferConstants.MAX_LENGTH} are read: store it with a smaller type of voxels, or cut it`,
  );
}

/** Of an open file: `length` bytes at `position`, fewer at its end. */
async function readAt(handle: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const bytes = allocate(path, length);
  let filled = 0;
  while (filled < length) {
    const wanted = Math.min(READ_BYTES, length - filled);
    const { bytesRead } = await handle.read(bytes, filled, wanted, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** Looks at a file's size and first bytes. Bad input: missing, unreadable, not a regular file. */
export const openStored = (path: string): Promise<StoredFile> =>
  withFile(path, async (handle) => {
    const stat = await handle.stat();
    if (!stat.isFile())
      throw badInput(`${path}: ${stat.isDirectory() ? REASONS.EISDIR : "is not a regular file"}`);
    const magic = await readAt(handle, path, 0, 2);
    return { path, size: stat.size, gzip: magic[0] === 0x1f && magic[1] === 0x8b };
  });

/** Up to `length` (at most 4096) first bytes, gzip undone; fewer where the file has fewer. */
export const readHead = (file: StoredFile, length: number): Promise<Uint8Array> =>
  withFile(file.path, async (handle) => {
    if (!file.gzip) return readAt(handle, file.path, 0, length);
    const start = await readAt(handle, file.path, 0, GZIP_HEAD_BYTES);
    try {
      return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, length);
    } catch (cause) {
      throw badInput(`${file.path}: its gzip data is damaged (${(cause as Error).message})`, cause);
    }
  });

const tooShort = (file: StoredFile, end: number, has: number | string) =>
  badInput(
    `${file.path}: its header needs ${end} bytes but the file has ${has}; it is cut short or the header is damaged`,
  );

const tooLong = (file: StoredFile, length: number) =>
  badInput(
    `${file.path}: holds more than the ${length} bytes that its header needs; refused to unpack further`,
  );

/** Where packed bytes lie in a file. */
interface Packed {
  readonly start: number;
  readonly length: number;
}

function checkRatio(file: StoredFile, packed: Packed, length: number): void {
  const most = packed.length * MAX_GZIP_RATIO;
  if (length > most) {
    throw tooShort(file, length, `${packed.length} packed, which hold at most ${most}`);
  }
  const limit = length + TRAILING_BYTES;
  if (packed.length > limit + Math.floor(limit / 1024)) {
    throw badInput(
      `${file.path}: ${packed.length} packed bytes for an image of ${length}; the header is damaged`,
    );
  }
}

/** Gathers chunks into `length` bytes; what little follows them is let go. Fewer where there are fewer. */
async function gather(chunks: AsyncIterable<Buffer>, length: number, file: StoredFile): Promise<Buffer> {
  const bytes = allocate(file.path, length);
  let filled = 0;
  for await (const chunk of chunks) {
    chunk.copy(bytes, Math.min(filled, length));
    filled += chunk.length;
    if (filled > length + TRAILING_BYTES) throw tooLong(file, length);
  }
  return bytes.subarray(0, filled);
}

/** `length` bytes, unpacked from gzip or zlib data. */
async function inflate(file: StoredFile, packed: Packed, length: number): Promise<Buffer> {
  checkRatio(file, packed, length);
  if (length === 0) return Buffer.alloc(0);
  const end = packed.start + packed.length - 1;
  const source = createReadStream(file.path, { start: packed.start, end, highWaterMark: CHUNK_BYTES });
  const unpacked = source.pipe(createUnzip({ chunkSize: CHUNK_BYTES }));
  source.on("error", (cause) => unpacked.destroy(cause));
  const bytes = await gather(unpacked, length, file)
    .catch((cause: Error) => {
      if (cause instanceof PenumbraError) throw cause;
      throw badInput(`${file.path}: its gzip data is damaged or cut short (${cause.message})`, cause);
    })
    .finally(() => source.destroy());
  if (bytes.length < length) throw tooShort(file, length, bytes.length);
  return bytes;
}

/**
 * The `length` bytes from `offset` of a file, gzip undone. Nothing is allocated before the file's own size shows
 * that they can be there. Bad input: cut short, damaged gzip, a gzip file that unpacks to over 1 MiB more.
 */
export async function readBytes(file: StoredFile, offset: number, length: number): Promise<Uint8Array> {
  const end = offset + length;
  if (file.gzip) return (await inflate(file, { start: 0, length: file.size }, end)).subarray(offset);
  if (file.size < end) throw tooShort(file, end, file.size);
  return withFile(file.path, (handle) => readAt(handle, file.path, offset, length));
}

/** `length` bytes, unpacked from the gzip or zlib data that begins at `start` of a file. Bad input as `readBytes`. */
export const readPacked = (
  file: StoredFile,
  start: number,
  length: number,
  packedLength = file.size - start,
): Promise<Uint8Array> => inflate(file, { start, length: packedLength }, length);

/** Up to `length` bytes from `start`, as they are on disk. */
export const readRaw = (file: StoredFile, start: number, length: number): Promise<Uint8Array> =>
  withFile(file.path, (handle) =>
    readAt(handle, file.path, start, Math.max(0, Math.min(length, file.size - start))),
  );
