import { badInput } from "../errors.js";
import type { FileBytes } from "../files/file-bytes.js";

/** A file of a zip archive that is stored as it is, not compressed. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  readonly crc32: number;
  /** Where its local header begins. */
  readonly header: number;
}

// Signatures and sizes: PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16.
const END = 0x06054b50;
const END_BYTES = 22;
const END64 = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR64 = 0x07064b50;
const LOCATOR64_BYTES = 20;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const MAX_COMMENT = 0xffff;
const IN_ZIP64 = 0xffffffff;
const ENCRYPTED = 1;
/** Well over any network's tensors. */
const MAX_DIRECTORY_BYTES = 1 << 24;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const faultOf = (path: string) => (what: string) =>
  badInput(`${path} is no whole zip archive: ${what}; copy or save it again`);

/** An 8-byte number; those that are no safe integer lie outside any file. */
const uint64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

interface Directory {
  readonly start: number;
  readonly bytes: number;
}

/** The directory's place, from the record at the archive's end. */
function findDirectory(file: FileBytes): Directory {
  const fault = faultOf(file.path);
  const tail = viewOf(
    file.read(Math.max(0, file.size - END_BYTES - MAX_COMMENT), Math.min(file.size, END_BYTES + MAX_COMMENT)),
  );
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw fault("its directory is missing");
  const [bytes, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  const locator = at - LOCATOR64_BYTES;
  const isZip64 = locator >= 0 && tail.getUint32(locator, true) === LOCATOR64;
  if (!isZip64) return { start, bytes };
  const end64 = viewOf(file.read(uint64(tail, locator + 8), END64_BYTES));
  if (end64.getUint32(0, true) !== END64) throw fault("its zip64 record is missing");
  return { start: uint64(end64, 48), bytes: uint64(end64, 40) };
}

/** Size, compressed size and header's place where 32 bits could not hold them, in this order. */
function zip64Numbers(extra: DataView): number[] {
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== 1) continue;
    const length = Math.min(extra.getUint16(at + 2, true), extra.byteLength - at - 4);
    return Array.from({ length: Math.floor(length / 8) }, (_, i) => uint64(extra, at + 4 + 8 * i));
  }
  return [];
}

/** Text of bytes that are taken as they are: names of checkpoints are ASCII. */
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function parseEntry(bytes: Uint8Array, at: number, file: FileBytes): { entry: ZipEntry; next: number } {
  const fault = faultOf(file.path);
  const view = viewOf(bytes);
  if (at + CENTRAL_BYTES > bytes.length || view.getUint32(at, true) !== CENTRAL) {
    throw fault("its directory is damaged");
  }
  const [nameBytes, extraBytes] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
  const extraAt = at + CENTRAL_BYTES + nameBytes;
  const next = extraAt + extraBytes + view.getUint16(at + 32, true);
  if (next > bytes.length) throw fault("its directory is damaged");
  const name = latin1(bytes.subarray(at + CENTRAL_BYTES, extraAt));
  const wide = zip64Numbers(viewOf(bytes.subarray(extraAt, extraAt + extraBytes)));
  const number = (offset: number): number => {
    const short = view.getUint32(at + offset, true);
    return short === IN_ZIP64 ? (wide.shift() ?? Number.NaN) : short;
  };
  const [size, packed, header] = [number(24), number(20), number(42)];
  if (![size, packed, header].every((n) => Number.isSafeInteger(n) && n <= file.size)) {
    throw fault("an entry lies outside it");
  }
  const stored = view.getUint16(at + 10, true) === 0 && size === packed;
  if (!stored || view.getUint16(at + 8, true) & ENCRYPTED) {
    throw badInput(
      `${file.path}: an entry is compressed or encrypted; PyTorch stores them as they are, save it again`,
    );
  }
  return { entry: { name, size, crc32: view.getUint32(at + 16, true), header }, next };
}

/**
 * The entries of a zip archive by name, from its directory alone. Sizes and places are checked against the file.
 * @throws PenumbraError "bad-input": no archive, damaged, an entry that is compressed or named twice
 */
export function readZipDirectory(file: FileBytes): Map<string, ZipEntry> {
  const fault = faultOf(file.path);
  const directory = findDirectory(file);
  if (!(directory.bytes <= MAX_DIRECTORY_BYTES)) throw fault(`its directory claims ${directory.bytes} bytes`);
  if (!(directory.start + directory.bytes <= file.size)) throw fault("its directory lies outside it");
  const bytes = file.read(directory.start, directory.bytes);
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; at < bytes.length; ) {
    const { entry, next } = parseEntry(bytes, at, file);
    if (entries.has(entry.name)) throw fault("two entries have one name");
    entries.set(entry.name, entry);
    at = next;
  }
  return entries;
}

/** Where an entry's bytes begin in the file. @throws PenumbraError "bad-input" when they do not lie in it */
export function entryStart(file: FileBytes, entry: ZipEntry): number {
  const fault = faultOf(file.path);
  const local = viewOf(file.read(entry.header, LOCAL_BYTES));
  if (local.getUint32(0, true) !== LOCAL) throw fault("the header of an entry is damaged");
  const start = entry.header + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  if (start + entry.size > file.size) throw fault("an entry ends outside it");
  return start;
}
