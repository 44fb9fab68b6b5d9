import { readFile } from "node:fs/promises";
import { badInput, PenumbraError } from "../errors.js";
import { pixelChunks } from "./png-chunks.js";
import { openStored, readRaw, type StoredFile } from "./stored-file.js";
import { checkVoxelCount, type StoredArray, type StoredImage, type StoredType } from "./stored-image.js";
import { tiffLayout } from "./tiff-directory.js";
import { tiffPixels } from "./tiff-pixels.js";

/** Deflate's limit: more than this times the file's bytes isn't in it. */
const MAX_RATIO = 1032;
const PNG_HEADER_BYTES = 33;

/** What a 2-D image says of itself before its pixels are unpacked. */
interface PictureHeader {
  readonly width: number;
  readonly height: number;
  readonly type: StoredType;
}

function checkHeader({ width, height }: PictureHeader, file: StoredFile): void {
  if (width < 1 || height < 1) throw badInput(`${file.path}: header says ${width} x ${height} pixels`);
  checkVoxelCount([width, height, 1], file.path);
  if (width * height > file.size * 8 * MAX_RATIO)
    throw badInput(
      `${file.path}: header says ${width} x ${height} pixels, which ${file.size} bytes can't hold`,
    );
}

/** One slice; pictures say nothing that can be trusted of size or place. */
function pictureImage(
  file: StoredFile,
  format: "PNG" | "TIFF",
  { width, height, type }: PictureHeader,
  load: () => Promise<StoredArray>,
): StoredImage {
  return {
    path: file.path,
    format,
    grid: { shape: [1, height, width], spacingMm: null, affine: null },
    extents: [width, height, 1],
    type,
    littleEndian: true,
    slope: 1,
    intercept: 0,
    odd: ["a 2-D image: one slice, no pixel size, no position and no orientation"],
    load: async () => {
      const pixels = await load().catch((cause: unknown) => {
        if (cause instanceof PenumbraError) throw cause;
        throw badInput(
          `${file.path}: a ${format} file that is damaged or of a kind that is not read (${(cause as Error).message})`,
          cause,
        );
      });
      if (pixels.length === width * height) return pixels;
      throw badInput(
        `${file.path}: ${pixels.length} values for ${width} x ${height} pixels; the file is damaged`,
      );
    },
  };
}

const notGray = (file: StoredFile, what: string) =>
  badInput(`${file.path}: ${what}; expected a gray image, one number a pixel: convert it first`);

/** Opens a gray PNG of 8 or 16 bits. Bad input: color, transparency, fewer bits, damage. */
export async function openPng(path: string): Promise<StoredImage> {
  const file = await openStored(path);
  const head = Buffer.from(await readRaw(file, 0, PNG_HEADER_BYTES));
  if (head.length < PNG_HEADER_BYTES || head.toString("latin1", 12, 16) !== "IHDR")
    throw badInput(`${path}: a PNG file that is damaged or cut short`);
  const [depth, colors] = [head[24]!, head[25]!];
  if (colors !== 0) throw notGray(file, "its pixels are colors or have transparency");
  if (depth !== 8 && depth !== 16) throw notGray(file, `its pixels have ${depth} bits, expected 8 or 16`);
  const header = {
    width: head.readUInt32BE(16),
    height: head.readUInt32BE(20),
    type: (depth === 16 ? "u16" : "u8") as StoredType,
  };
  checkHeader(header, file);
  return pictureImage(file, "PNG", header, async () => {
    const { decode } = await import("fast-png");
    const pixels = pixelChunks(await readFile(path), { ...header, bytesPerPixel: depth / 8 });
    return new (depth === 16 ? Uint16Array : Uint8Array)(decode(pixels).data);
  });
}

/** Opens a gray TIFF of 8 or 16 bits or floats, one page. Bad input: color, several pages, damage. */
export async function openTiff(path: string): Promise<StoredImage> {
  const file = await openStored(path);
  const bytes = await readFile(path);
  try {
    const layout = tiffLayout(bytes, path);
    checkHeader(layout, file);
    return pictureImage(file, "TIFF", layout, async () => tiffPixels(bytes, layout));
  } catch (cause) {
    if (cause instanceof PenumbraError) throw cause;
    throw badInput(
      `${path}: a TIFF file that is damaged or of a kind that is not read (${(cause as Error).message})`,
      cause,
    );
  }
}
