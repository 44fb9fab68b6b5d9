import dicomParser, { type DataSet } from "dicom-parser";
import { badInput, PenumbraError } from "../errors.js";
import { CODECS, type DecodeFrame } from "./dicom-codecs.js";
import { openStored, readRaw, type StoredFile } from "./stored-file.js";

/** Headers of slices are shorter; where not, the whole file is read. */
const FIRST_LOOK_BYTES = 1 << 16;
const PIXEL_DATA = "x7fe00010";
const MARK_OFFSET = 128;

/** Transfer syntaxes whose pixels lie bare. */
const NATIVE: Readonly<Record<string, { readonly littleEndian: boolean }>> = {
  "1.2.840.10008.1.2": { littleEndian: true },
  "1.2.840.10008.1.2.1": { littleEndian: true },
  "1.2.840.10008.1.2.2": { littleEndian: false },
};
/** Compressed ones that are not read. */
const REFUSED_NAMES: Readonly<Record<string, string>> = {
  "1.2.840.10008.1.2.1.99": "deflated",
  "1.2.840.10008.1.2.4.50": "JPEG baseline",
  "1.2.840.10008.1.2.4.51": "JPEG extended",
};

/** A DICOM file's attributes and where its pixels lie. */
export interface DicomFile {
  readonly path: string;
  readonly attributes: DataSet;
  readonly littleEndian: boolean;
  /** Null where it holds no pixels. Where they are compressed, all that follows the header. */
  readonly pixels: { readonly start: number; readonly length: number } | null;
  /** Unpacks a frame; null where pixels lie bare. */
  readonly decode: DecodeFrame | null;
}

/** Whether a file's first 132 bytes bear DICOM's mark. */
export const isDicom = (head: Uint8Array): boolean =>
  head.length >= MARK_OFFSET + 4 &&
  Buffer.from(head.subarray(MARK_OFFSET, MARK_OFFSET + 4)).toString("latin1") === "DICM";

const parse = (bytes: Uint8Array): DataSet => dicomParser.parseDicom(bytes, { untilTag: PIXEL_DATA });

/** The library throws strings and Errors. */
const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

async function attributesOf(file: StoredFile): Promise<DataSet> {
  const head = await readRaw(file, 0, FIRST_LOOK_BYTES);
  if (!isDicom(head)) throw badInput(`${file.path}: not a DICOM file (no DICM behind its first 128 bytes)`);
  try {
    const attributes = parse(head);
    if (attributes.elements[PIXEL_DATA] || file.size <= FIRST_LOOK_BYTES) return attributes;
  } catch (cause) {
    if (file.size <= FIRST_LOOK_BYTES) throw damaged(file, cause);
  }
  try {
    return parse(await readRaw(file, 0, file.size));
  } catch (cause) {
    throw damaged(file, cause);
  }
}

const damaged = (file: StoredFile, cause: unknown) =>
  badInput(`${file.path}: a DICOM file that is damaged or cut short (${reasonOf(cause)})`, cause);

/** How pixels lie by the transfer syntax. Bad input: a compression that isn't read. */
function syntaxOf(attributes: DataSet, path: string): Pick<DicomFile, "littleEndian" | "decode"> {
  const syntax = readingAttributes({ path }, () => attributes.string("x00020010") ?? "");
  const native = NATIVE[syntax];
  if (native) return { ...native, decode: null };
  const decode = CODECS[syntax];
  if (decode) return { littleEndian: true, decode };
  const name = REFUSED_NAMES[syntax];
  throw badInput(
    `${path}: its pixels are ${name ? `compressed (${name})` : `in an unknown transfer syntax (${syntax})`}; decompress it first, with dcmdjpeg or gdcmconv --raw`,
  );
}

/** Opens a DICOM file up to its pixels. Bad input: not DICOM, damaged, cut short, in a compression that is not read. */
export async function openDicomFile(path: string): Promise<DicomFile> {
  const file = await openStored(path);
  const attributes = await attributesOf(file);
  const syntax = syntaxOf(attributes, path);
  const element = attributes.elements[PIXEL_DATA];
  if (!element) return { path, attributes, ...syntax, pixels: null };
  const { dataOffset: start } = element;
  const length = syntax.decode ? file.size - start : element.length;
  if (start + length > file.size) {
    throw badInput(
      `${path}: its pixels need ${start + length} bytes but the file has ${file.size}; it is cut short`,
    );
  }
  return { path, attributes, ...syntax, pixels: { start, length } };
}

/**
 * The compressed frames of a file, number by number from 0. Bad input: damaged, or fewer fragments than frames.
 */
export async function packedFrames({
  path,
}: DicomFile): Promise<(index: number, count: number) => Uint8Array> {
  const file = await openStored(path);
  const bytes = await readRaw(file, 0, file.size);
  try {
    const whole = dicomParser.parseDicom(bytes);
    const element = whole.elements[PIXEL_DATA]!;
    const fragments = element.fragments?.length ?? 0;
    return (index, count) => {
      if (count === 1)
        return dicomParser.readEncapsulatedPixelDataFromFragments(whole, element, 0, fragments);
      if (element.basicOffsetTable?.length)
        return dicomParser.readEncapsulatedImageFrame(whole, element, index);
      return dicomParser.readEncapsulatedPixelDataFromFragments(whole, element, index);
    };
  } catch (cause) {
    throw damaged(file, cause);
  }
}

/** `count` numbers of a decimal-string attribute; null unless all are there. */
export function numbersOf(attributes: DataSet, tag: string, count: number): number[] | null {
  const texts = (attributes.string(tag) ?? "").split("\\");
  const values = texts.map((text) => (text.trim() === "" ? Number.NaN : Number(text)));
  return values.length >= count && values.every(Number.isFinite) ? values.slice(0, count) : null;
}

/** Does what looks at attributes; what the library throws of damaged ones becomes bad input. */
export function readingAttributes<T>({ path }: Pick<DicomFile, "path">, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof PenumbraError) throw cause;
    throw badInput(`${path}: a DICOM file whose header is damaged (${reasonOf(cause)})`, cause);
  }
}

/** The items of a sequence. */
export const itemsOf = (attributes: DataSet, tag: string): DataSet[] =>
  (attributes.elements[tag]?.items ?? []).flatMap(({ dataSet }) => dataSet ?? []);
