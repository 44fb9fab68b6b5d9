import { inflateSync } from "node:zlib";
import { decodeLzw } from "./lzw.js";
import { unpackBits } from "./run-length.js";
import { bytesOf, type StoredArray } from "./stored-image.js";
import { newStored, viewStored } from "./stored-voxels.js";
import type { TiffLayout } from "./tiff-directory.js";

/** Unpacks a block into at most `limit` bytes; throws for damage and for more. */
type Unpack = (packed: Uint8Array, limit: number) => Uint8Array;

const inflate: Unpack = (packed, limit) => inflateSync(packed, { maxOutputLength: limit });

const UNPACK: Readonly<Record<number, Unpack>> = {
  1: (packed) => packed,
  5: decodeLzw,
  8: inflate,
  32946: inflate,
  32773: (packed, limit) => {
    const out = new Uint8Array(limit);
    unpackBits(packed, out);
    return out;
  },
};

type Numbers = Exclude<StoredArray, BigInt64Array | BigUint64Array>;

/** Undoes differences along each row; sums wrap as the type does. */
function addUp(values: Numbers, width: number): void {
  for (let i = 0; i < values.length; i++) if (i % width !== 0) values[i]! += values[i - 1]!;
}

/** Values of one block, of `rows` rows. Throws an Error where it holds fewer or lies outside the file. */
function readBlock(bytes: Buffer, layout: TiffLayout, index: number, rows: number): Numbers {
  const { type, littleEndian, compression, isDifferenced, blockWidth, blockHeight } = layout;
  const [start, length] = [layout.offsets[index]!, layout.byteCounts[index]!];
  if (start + length > bytes.length) throw new Error("its pixels lie outside it");
  const unpack = UNPACK[compression];
  if (!unpack) throw new Error(`a compression (${compression}) that is not read`);
  const isExact = compression === 32773;
  const needed = blockWidth * rows * bytesOf(type);
  const limit = isExact ? needed : blockWidth * blockHeight * bytesOf(type);
  const raw = unpack(bytes.subarray(start, start + length), limit);
  if (raw.length < needed) throw new Error(`${raw.length} bytes of pixels, expected ${needed}`);
  const values = viewStored(Uint8Array.from(raw.subarray(0, needed)), type, littleEndian) as Numbers;
  if (isDifferenced) addUp(values, blockWidth);
  return values;
}

/** Blocks a row and a column. Throws an Error where they don't fit the picture. */
function blocksOf({ width, height, blockWidth, blockHeight, offsets, byteCounts }: TiffLayout) {
  const [across, down] = [Math.ceil(width / blockWidth), Math.ceil(height / blockHeight)];
  const isEven = offsets.length === across * down && byteCounts.length === offsets.length;
  const isFitting = blockWidth <= 2 * width + 256 && blockHeight <= 2 * height + 256;
  if (isEven && isFitting) return { across, down };
  throw new Error(
    `${offsets.length} blocks of ${blockWidth} x ${blockHeight} for ${width} x ${height} pixels`,
  );
}

/** All pixels, rows from the top. Throws an Error for damaged ones. */
export function tiffPixels(bytes: Buffer, layout: TiffLayout): StoredArray {
  const { width, height, type, blockWidth, blockHeight } = layout;
  const { across, down } = blocksOf(layout);
  const isFloat = type.startsWith("f");
  if (isFloat && (layout.isDifferenced || layout.whiteIsZero))
    throw new Error("floats with white as zero or as differences, which are not read");
  const pixels = newStored(type, width * height) as Numbers;
  const isStrips = blockWidth === width;
  for (let index = 0; index < across * down; index++) {
    const [left, top] = [(index % across) * blockWidth, Math.floor(index / across) * blockHeight];
    const rows = Math.min(blockHeight, height - top);
    const values = readBlock(bytes, layout, index, isStrips ? rows : blockHeight);
    const columns = Math.min(blockWidth, width - left);
    for (let row = 0; row < rows; row++) {
      const from = row * blockWidth;
      pixels.set(values.subarray(from, from + columns), (top + row) * width + left);
    }
  }
  if (layout.whiteIsZero) for (let i = 0; i < pixels.length; i++) pixels[i] = ~pixels[i]!;
  return pixels;
}
