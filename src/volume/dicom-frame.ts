import type { DataSet } from "dicom-parser";
import { badInput } from "../errors.js";
import { type DicomFile, itemsOf, numbersOf, readingAttributes } from "./dicom-file.js";
import { bytesOf, type StoredType } from "./stored-image.js";

/** How the pixels of a file are stored; alike in all frames. */
export interface PixelLayout {
  readonly rows: number;
  readonly columns: number;
  readonly type: StoredType;
  readonly littleEndian: boolean;
  readonly bitsStored: number;
  readonly photometric: string;
}

/** One slice: where it lies in the patient (LPS, mm) and its pixels in the file. */
export interface DicomFrame {
  readonly file: DicomFile;
  /** From 1, where the file holds several; else null. */
  readonly number: number | null;
  readonly layout: PixelLayout;
  /** Of the first pixel's centre; null where the file has none. */
  readonly position: readonly number[] | null;
  /** Direction in which columns follow one another, then rows: 6 numbers; null where the file has none. */
  readonly orientation: readonly number[] | null;
  /** Between rows, then between columns, in mm; null where the file has none. */
  readonly pixelSpacing: readonly number[] | null;
  /** Between slices as the file says, in mm; null where it doesn't. */
  readonly sliceSpacing: number | null;
  readonly slope: number;
  readonly intercept: number;
  /** First byte in the file, where pixels lie bare. */
  readonly start: number;
}

const TAGS = {
  rows: "x00280010",
  columns: "x00280011",
  samples: "x00280002",
  photometric: "x00280004",
  allocated: "x00280100",
  stored: "x00280101",
  highBit: "x00280102",
  isSigned: "x00280103",
  frames: "x00280008",
  position: "x00200032",
  orientation: "x00200037",
  pixelSpacing: "x00280030",
  betweenSlices: "x00180088",
  thickness: "x00180050",
  slope: "x00281053",
  intercept: "x00281052",
} as const;

/** How the pixels are stored. Bad input: color, several numbers a pixel, an unknown depth, a lookup table. */
export function pixelLayout({ attributes, littleEndian, path }: DicomFile): PixelLayout {
  const [rows, columns] = [attributes.uint16(TAGS.rows) ?? 0, attributes.uint16(TAGS.columns) ?? 0];
  if (rows === 0 || columns === 0) throw badInput(`${path}: holds no image (${rows} rows of ${columns})`);
  const photometric = attributes.string(TAGS.photometric) ?? "MONOCHROME2";
  if ((attributes.uint16(TAGS.samples) ?? 1) !== 1 || !photometric.startsWith("MONOCHROME")) {
    throw badInput(`${path}: a color image (${photometric}); expected one number a pixel`);
  }
  if (itemsOf(attributes, "x00283000").length > 0)
    throw badInput(`${path}: its intensities go through a lookup table (Modality LUT), which is not read`);
  const allocated = attributes.uint16(TAGS.allocated) ?? 0;
  const bitsStored = attributes.uint16(TAGS.stored) ?? allocated;
  const highBit = attributes.uint16(TAGS.highBit) ?? bitsStored - 1;
  if (![8, 16, 32].includes(allocated) || bitsStored > allocated || highBit !== bitsStored - 1) {
    throw badInput(
      `${path}: pixels of ${bitsStored} bits up to bit ${highBit} in ${allocated}; expected 8, 16 or 32 bits, the lowest used`,
    );
  }
  const isSigned = attributes.uint16(TAGS.isSigned) === 1;
  const type = `${isSigned ? "i" : "u"}${allocated}` as StoredType;
  return { rows, columns, type, littleEndian, bitsStored, photometric };
}

/** Compressed pixels: more than any one frame has, and over that what deflate would make of as many bytes. */
const FREE_PIXELS = 2 ** 26;
const PIXELS_PER_BYTE = 8 * 1032;
/** An item's tag and length, which every compressed frame has. */
const ITEM_BYTES = 8;

/** Number of frames that a file says it holds. */
export function frameCount({ attributes, path }: DicomFile): number {
  const count = attributes.intString(TAGS.frames) ?? 1;
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw badInput(`${path}: says it holds ${count} frames; the header is damaged`);
}

/** What a frame says of its place: in its own functional group, else in the shared one, else at the top. */
class FrameAttributes {
  constructor(
    readonly own: DataSet | undefined,
    readonly shared: DataSet | undefined,
    readonly top: DataSet,
  ) {}

  /** The data set that holds an attribute, macro by macro. */
  #with(macro: string, tag: string): DataSet {
    for (const group of [this.own, this.shared]) {
      const item = group && itemsOf(group, macro)[0];
      if (item?.elements[tag]) return item;
    }
    return this.top;
  }

  isThere(macro: string, tag: string): boolean {
    return (this.#with(macro, tag).string(tag) ?? "").trim() !== "";
  }

  numbers(macro: string, tag: string, count: number): number[] | null {
    return numbersOf(this.#with(macro, tag), tag, count);
  }
}

const MACROS = {
  position: "x00209113",
  orientation: "x00209116",
  measures: "x00289110",
  transformation: "x00289145",
} as const;

/** Where each frame of a file lies, in stored order. */
export function framePlaces(file: DicomFile): Omit<DicomFrame, "layout" | "start">[] {
  const { attributes } = file;
  const shared = itemsOf(attributes, "x52009229")[0];
  const own = itemsOf(attributes, "x52009230");
  const count = frameCount(file);
  return Array.from({ length: count }, (_, i) => {
    const frame = new FrameAttributes(own[i], shared, attributes);
    const { measures, transformation } = MACROS;
    const one = (macro: string, tag: string) => frame.numbers(macro, tag, 1)?.[0];
    // there, but no number: it is refused where voxels are scaled by it
    const scale = (tag: string, absent: number) =>
      frame.isThere(transformation, tag) ? (one(transformation, tag) ?? Number.NaN) : absent;
    return {
      file,
      number: count > 1 ? i + 1 : null,
      position: frame.numbers(MACROS.position, TAGS.position, 3),
      orientation: frame.numbers(MACROS.orientation, TAGS.orientation, 6),
      pixelSpacing: frame.numbers(measures, TAGS.pixelSpacing, 2),
      sliceSpacing: one(measures, TAGS.betweenSlices) ?? one(measures, TAGS.thickness) ?? null,
      slope: scale(TAGS.slope, 1),
      intercept: scale(TAGS.intercept, 0),
    };
  });
}

/** The frames of an image file. Bad input: what `pixelLayout` refuses; fewer pixels than frames need. */
export const framesOf = (file: DicomFile): DicomFrame[] => readingAttributes(file, () => checkedFrames(file));

function checkedFrames(file: DicomFile): DicomFrame[] {
  const { path, pixels } = file;
  if (!pixels) throw badInput(`${path}: a DICOM file without pixels, expected an image`);
  const layout = pixelLayout(file);
  const bytes = layout.rows * layout.columns * bytesOf(layout.type);
  const count = frameCount(file);
  const said = `${path}: ${count} frames of ${layout.columns} x ${layout.rows}`;
  if (!file.decode && pixels.length < bytes * count)
    throw badInput(`${said} need ${bytes * count} bytes of pixels but it holds ${pixels.length}`);
  const most = FREE_PIXELS + PIXELS_PER_BYTE * pixels.length;
  if (file.decode && (count * ITEM_BYTES > pixels.length || layout.rows * layout.columns * count > most))
    throw badInput(`${said} can't be in ${pixels.length} compressed bytes; the header is damaged`);
  return framePlaces(file).map((frame, i) => ({ ...frame, layout, start: pixels.start + i * bytes }));
}
