import { badInput } from "../errors.js";
import type { StoredType } from "./stored-image.js";

/** Tags of TIFF 6.0 that are looked at; others are let be. */
const TAGS = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  predictor: 317,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  sampleFormat: 339,
} as const;
type Field = keyof typeof TAGS;

const MARK = 42;
/** Bytes of a value by its type: BYTE, SHORT, LONG. */
const VALUE_BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4 };
const BLACK_IS_ZERO = 1;

/** Bits and sample format: 1 unsigned, 2 signed, 3 float. */
const TYPES: Readonly<Record<string, StoredType>> = {
  "8:1": "u8",
  "8:2": "i8",
  "16:1": "u16",
  "16:2": "i16",
  "32:3": "f32",
  "64:3": "f64",
};

/** A gray picture's layout. Its blocks are strips or tiles, row by row. */
export interface TiffLayout {
  readonly width: number;
  readonly height: number;
  readonly type: StoredType;
  readonly littleEndian: boolean;
  readonly compression: number;
  /** Each value but a row's first is the difference to the one before. */
  readonly isDifferenced: boolean;
  readonly whiteIsZero: boolean;
  readonly blockWidth: number;
  readonly blockHeight: number;
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
}

/** A file's first directory: each known field once, its values within the file. Throws an Error where they are not. */
function readDirectory(bytes: Buffer): { fields: Map<number, number[]>; littleEndian: boolean } {
  const littleEndian = bytes[0] === 0x49;
  const short = (at: number) => (littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  if (short(2) !== MARK) throw new Error("its mark is not TIFF's");
  const known = new Set<number>(Object.values(TAGS));
  const fields = new Map<number, number[]>();
  const start = long(4);
  const entries = short(start);
  for (let at = start + 2; at < start + 2 + 12 * entries; at += 12) {
    const [tag, size, count] = [short(at), VALUE_BYTES[short(at + 2)], long(at + 4)];
    if (!known.has(tag) || !size || fields.has(tag)) continue;
    const from = size * count > 4 ? long(at + 8) : at + 8;
    if (from + size * count > bytes.length) throw new Error(`the values of tag ${tag} lie outside it`);
    const value = (i: number) =>
      size === 1 ? bytes[from + i]! : (size === 2 ? short : long)(from + size * i);
    fields.set(
      tag,
      Array.from({ length: count }, (_, i) => value(i)),
    );
  }
  if (long(start + 2 + 12 * entries) !== 0) throw new Error("it has several pages, expected one 2-D image");
  return { fields, littleEndian };
}

/** Where a TIFF file's pixels lie. Throws an Error for damage; bad input, naming the file: no gray image of one page. */
export function tiffLayout(bytes: Buffer, file: string): TiffLayout {
  const { fields, littleEndian } = readDirectory(bytes);
  const list = (field: Field) => fields.get(TAGS[field]) ?? [];
  const one = (field: Field, otherwise: number) => list(field)[0] ?? otherwise;
  const refused = (what: string) =>
    badInput(`${file}: ${what}; expected a gray image, one number a pixel: convert it first`);
  const photometric = one("photometric", BLACK_IS_ZERO);
  if (one("samples", 1) !== 1 || photometric > BLACK_IS_ZERO)
    throw refused("its pixels are colors or several numbers");
  const type = TYPES[`${one("bits", 1)}:${one("sampleFormat", 1)}`];
  if (!type) throw refused(`its pixels have ${one("bits", 1)} bits`);
  if (one("orientation", 1) !== 1 || one("fillOrder", 1) !== 1)
    throw refused("its rows or bits are turned round");
  const predictor = one("predictor", 1);
  if (predictor > 2) throw refused(`its pixels are stored as differences of kind ${predictor}`);
  const isTiled = fields.has(TAGS.tileWidth);
  const [width, height] = [one("width", 0), one("height", 0)];
  return {
    width,
    height,
    type,
    littleEndian,
    compression: one("compression", 1),
    isDifferenced: predictor === 2,
    whiteIsZero: photometric !== BLACK_IS_ZERO,
    blockWidth: isTiled ? one("tileWidth", 0) : width,
    blockHeight: isTiled ? one("tileHeight", 0) : Math.min(one("rowsPerStrip", height), height),
    offsets: list(isTiled ? "tileOffsets" : "stripOffsets"),
    byteCounts: list(isTiled ? "tileBytes" : "stripBytes"),
  };
}
