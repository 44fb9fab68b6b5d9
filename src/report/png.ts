import { deflateSync } from "node:zlib";
import { crc32 } from "../files/crc32.js";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const RGB_8_BIT = [8, 2, 0, 0, 0];
/** Each row as its difference from the one above: rows repeated by scaling become zeros. */
const FILTER_UP = 2;

/** RGB bytes [height, width, 3] as a PNG file (ISO/IEC 15948). Throws RangeError where the length differs. */
export function encodePng(rgb: Uint8Array, width: number, height: number): Buffer {
  const rowBytes = width * 3;
  if (width < 1 || height < 1 || rgb.length !== rowBytes * height) {
    throw new RangeError(`encodePng: ${width}x${height} takes ${rowBytes * height} bytes, got ${rgb.length}`);
  }
  const filtered = new Uint8Array((rowBytes + 1) * height);
  for (let row = 0; row < height; row++) {
    const to = row * (rowBytes + 1);
    filtered[to] = FILTER_UP;
    for (let i = 0, from = row * rowBytes; i < rowBytes; i++, from++) {
      filtered[to + 1 + i] = rgb[from]! - (row > 0 ? rgb[from - rowBytes]! : 0);
    }
  }
  const header = Buffer.alloc(8 + RGB_8_BIT.length);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set(RGB_8_BIT, 8);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(filtered, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
