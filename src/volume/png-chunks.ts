import { inflateSync } from "node:zlib";

const SIGNATURE_BYTES = 8;
const HEADER = "IHDR";
const PIXELS = "IDAT";
const END = "IEND";
/** Filter bytes: one a row, and one for each row of seven passes where it is interlaced. */
const filterBytes = (height: number): number => 2 * height + 16;

/** What is known of a picture's rows from its header. */
interface Rows {
  readonly width: number;
  readonly height: number;
  readonly bytesPerPixel: number;
}

/**
 * A PNG file's header and pixels alone: other chunks can hold anything, packed too. Throws an Error for damage, and for
 * pixels that unpack to more than the header needs.
 */
export function pixelChunks(bytes: Buffer, { width, height, bytesPerPixel }: Rows): Buffer {
  const kept = [bytes.subarray(0, SIGNATURE_BYTES)];
  const packed: Buffer[] = [];
  for (let at = SIGNATURE_BYTES, type = ""; type !== END; ) {
    const length = bytes.readUInt32BE(at);
    const end = at + 12 + length;
    type = bytes.toString("latin1", at + 4, at + 8);
    if (end > bytes.length) throw new Error("a chunk ends outside it");
    const isFirst = at === SIGNATURE_BYTES;
    if (isFirst ? type === HEADER : type === PIXELS || type === END) kept.push(bytes.subarray(at, end));
    if (type === PIXELS) packed.push(bytes.subarray(at + 8, end - 4));
    at = end;
  }
  const limit = width * height * bytesPerPixel + filterBytes(height);
  inflateSync(Buffer.concat(packed), { maxOutputLength: limit });
  return Buffer.concat(kept);
}
