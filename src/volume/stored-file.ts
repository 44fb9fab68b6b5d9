import { type FileHandle, constants as fsConstants, open } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, gunzip, gunzipSync } from "node:zlib";
import { badInput } from "../errors.js";

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

const gunzipAsync = promisify(gunzip);

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "not readable, permission denied",
  EISDIR: "is a folder, expected a file",
  ENOTDIR: "no such file",
};

/** Opens a regular file, does the work and closes it; bad input when it can't be opened. */
async function withFile<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, READ_FLAGS).catch((cause: NodeJS.ErrnoException) => {
    throw badInput(`${path}: ${REASONS[cause.code ?? ""] ?? cause.message}`, cause);
  });
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

/** `length` bytes at `position`, fewer at the end of the file. */
async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled);
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
    const magic = await readAt(handle, 0, 2);
    return { path, size: stat.size, gzip: magic[0] === 0x1f && magic[1] === 0x8b };
  });

/** Up to `length` (at most 4096) first bytes, gzip undone; fewer where the file has fewer. */
export const readHead = (file: StoredFile, length: number): Promise<Uint8Array> =>
  withFile(file.path, async (handle) => {
    if (!file.gzip) return readAt(handle, 0, length);
    const start = await readAt(handle, 0, GZIP_HEAD_BYTES);
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

async function inflate(file: StoredFile, end: number): Promise<Buffer> {
  if (end > file.size * MAX_GZIP_RATIO) {
    throw tooShort(file, end, `${file.size} gzipped, which hold at most ${file.size * MAX_GZIP_RATIO}`);
  }
  const most = end + TRAILING_BYTES;
  if (file.size > most + (most >> 10)) {
    throw badInput(`${file.path}: ${file.size} gzipped bytes for an image of ${end}; the header is damaged`);
  }
  const packed = await withFile(file.path, (handle) => readAt(handle, 0, file.size));
  try {
    return await gunzipAsync(packed, { maxOutputLength: most });
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    throw badInput(
      tooLarge
        ? `${file.path}: holds more than the ${end} bytes that its header needs; refused to unpack further`
        : `${file.path}: its gzip data is damaged or cut short (${(cause as Error).message})`,
      cause,
    );
  }
}

/**
 * The `length` bytes from `offset` of a file, gzip undone. Nothing is allocated before the file's own size shows
 * that they can be there. Bad input: cut short, damaged gzip, a gzip file that unpacks to over 1 MiB more.
 */
export async function readBytes(file: StoredFile, offset: number, length: number): Promise<Uint8Array> {
  const end = offset + length;
  if (file.gzip) {
    const bytes = await inflate(file, end);
    if (bytes.length < end) throw tooShort(file, end, bytes.length);
    return bytes.subarray(offset, end);
  }
  if (file.size < end) throw tooShort(file, end, file.size);
  return withFile(file.path, (handle) => readAt(handle, offset, length));
}
