import { randomUUID } from "node:crypto";
import { DICTIONARY, type Keyword } from "./dicom-dictionary.js";

/** A value by its attribute's kind: text, numbers, bytes as they are, or a sequence's items. */
export type DicomValue = string | number | readonly number[] | Uint8Array | readonly DicomDataset[];

/** Attributes by DICOM keyword, in any order; undefined ones are left out. */
export type DicomDataset = { readonly [K in Keyword]?: DicomValue | undefined };

const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
/** Value representations whose length takes four bytes. */
const LONG_FORM = new Set(["OB", "OW", "SQ"]);
/** Bytes that pad a value of odd length. */
const NUL = 0;
const SPACE = 0x20;
const MOST_DECIMAL_CHARACTERS = 16;

/** A new unique identifier: "2.25." and a random UUID as a number. DICOM PS3.5 B.2. */
export const newUid = (): string => `2.25.${BigInt(`0x${randomUUID().replaceAll("-", "")}`)}`;

/** A number as a decimal string of at most 16 characters, as exact as that allows. */
export function decimalString(value: number): string {
  const exact = String(value === 0 ? 0 : value);
  if (exact.length <= MOST_DECIMAL_CHARACTERS) return exact;
  for (let digits = 16; digits > 0; digits--) {
    const text = String(Number(value.toPrecision(digits)));
    if (text.length <= MOST_DECIMAL_CHARACTERS) return text;
  }
  return "0";
}

function binary(vr: string, values: readonly number[]): Buffer {
  if (vr === "AT")
    return binary(
      "US",
      values.flatMap((tag) => [tag >>> 16, tag & 0xffff]),
    );
  const size = vr === "US" ? 2 : 4;
  const bytes = Buffer.alloc(size * values.length);
  for (const [i, value] of values.entries()) bytes.writeUIntLE(value, i * size, size);
  return bytes;
}

function encodeValue(vr: string, value: DicomValue): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (vr === "SQ") return Buffer.concat((value as readonly DicomDataset[]).map(encodeItem));
  const values = typeof value === "object" ? (value as readonly number[]) : [value];
  if (vr === "US" || vr === "UL" || vr === "AT") return binary(vr, values as readonly number[]);
  const texts = values.map((one) => (typeof one === "number" ? decimalString(one) : one));
  return Buffer.from(texts.join("\\"), "utf8");
}

function encodeElement(keyword: Keyword, value: DicomValue): Buffer {
  const [tag, vr] = DICTIONARY[keyword];
  const bytes = encodeValue(vr, value);
  const padding = bytes.length % 2;
  const head = Buffer.alloc(LONG_FORM.has(vr) ? 12 : 8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.write(vr, 4, "latin1");
  if (LONG_FORM.has(vr)) head.writeUInt32LE(bytes.length + padding, 8);
  else head.writeUInt16LE(bytes.length + padding, 6);
  const isBinary = vr === "UI" || LONG_FORM.has(vr);
  return padding
    ? Buffer.concat([head, bytes, Buffer.of(isBinary ? NUL : SPACE)])
    : Buffer.concat([head, bytes]);
}

/** Elements in the order of their tags, explicit VR, little endian. */
export function encodeDataset(dataset: DicomDataset): Buffer {
  const entries = (Object.entries(dataset) as [Keyword, DicomValue | undefined][])
    .filter((entry): entry is [Keyword, DicomValue] => entry[1] !== undefined)
    .sort(([a], [b]) => DICTIONARY[a][0] - DICTIONARY[b][0]);
  return Buffer.concat(entries.map(([keyword, value]) => encodeElement(keyword, value)));
}

function encodeItem(dataset: DicomDataset): Buffer {
  const bytes = encodeDataset(dataset);
  const head = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

/** This software, as DICOM files name what wrote them. */
const IMPLEMENTATION_CLASS_UID = "2.25.221486379174837829364310278646051083745";

/** A whole DICOM file, explicit VR little endian. The data set names its SOP class and instance. */
export function encodeFile(dataset: DicomDataset): Buffer {
  const meta = encodeDataset({
    FileMetaInformationVersion: Uint8Array.of(0, 1),
    MediaStorageSOPClassUID: dataset.SOPClassUID,
    MediaStorageSOPInstanceUID: dataset.SOPInstanceUID,
    TransferSyntaxUID: EXPLICIT_LITTLE_ENDIAN,
    ImplementationClassUID: IMPLEMENTATION_CLASS_UID,
    ImplementationVersionName: "PENUMBRA",
  });
  const length = Buffer.from([0x02, 0x00, 0x00, 0x00, 0x55, 0x4c, 0x04, 0x00, 0, 0, 0, 0]); // (0002,0000) UL
  length.writeUInt32LE(meta.length, 8);
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), length, meta, encodeDataset(dataset)]);
}
