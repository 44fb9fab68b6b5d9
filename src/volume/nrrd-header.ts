import { badInput } from "../errors.js";
import { LPS, RAS, type SpaceSigns } from "./patient-space.js";
import type { StoredType } from "./stored-image.js";
import type { NrrdSpace } from "./volume.js";

/** NRRD's names of types. http://teem.sourceforge.net/nrrd/format.html */
export const NRRD_TYPES: Readonly<Record<StoredType, readonly string[]>> = {
  i8: ["signed char", "int8", "int8_t"],
  u8: ["uchar", "unsigned char", "uint8", "uint8_t"],
  i16: ["short", "short int", "signed short", "signed short int", "int16", "int16_t"],
  u16: ["ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"],
  i32: ["int", "signed int", "int32", "int32_t"],
  u32: ["uint", "unsigned int", "uint32", "uint32_t"],
  i64: [
    "longlong",
    "long long",
    "long long int",
    "signed long long",
    "signed long long int",
    "int64",
    "int64_t",
  ],
  u64: ["ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"],
  f32: ["float"],
  f64: ["double"],
};

/** World axes by name; time may follow. */
const SPACES: Readonly<Record<string, NrrdSpace>> = {
  "right-anterior-superior": "RAS",
  ras: "RAS",
  "left-anterior-superior": "LAS",
  las: "LAS",
  "left-posterior-superior": "LPS",
  lps: "LPS",
};

/** Signs of a world's axes towards right, anterior, superior. */
export const SPACE_SIGNS: Readonly<Record<NrrdSpace, SpaceSigns>> = { RAS, LAS: [-1, 1, 1], LPS };

/** A NRRD header's fields by lower-case name; key/value pairs (`:=`) are let be. */
export type NrrdFields = ReadonlyMap<string, string>;

export function parseFields(text: string, file: string): NrrdFields {
  const [magic, ...lines] = text.split(/\r?\n/);
  if (!/^NRRD000[1-5]$/.test(magic!)) {
    throw badInput(
      `${file}: a NRRD file of an unknown version (${magic!.slice(0, 12)}); expected NRRD0001 to NRRD0005`,
    );
  }
  const fields = new Map<string, string>();
  for (const [i, line] of lines.entries()) {
    if (line === "" || line.startsWith("#") || line.includes(":=")) continue;
    const [, name, value] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
    if (name === undefined)
      throw badInput(`${file}: line ${i + 2} is no NRRD header line; the header is damaged`);
    const key = name.trim().toLowerCase().replaceAll(" ", "");
    fields.set(key, value!.trim());
    if (key === "datafile" && value!.startsWith("LIST")) break; // names of files follow, to the end
  }
  return fields;
}

/** A field that a header must have. */
export function required(fields: NrrdFields, name: string, file: string): string {
  const value = fields.get(name);
  if (value !== undefined && value !== "") return value;
  throw badInput(`${file}: its NRRD header has no ${name}; the header is damaged`);
}

export function typeOf(fields: NrrdFields, file: string): StoredType {
  const name = required(fields, "type", file).toLowerCase();
  for (const [type, names] of Object.entries(NRRD_TYPES)) if (names.includes(name)) return type as StoredType;
  throw badInput(
    `${file}: voxels are of type ${JSON.stringify(name)}; expected integers or floats, one number a voxel`,
  );
}

export function isLittleEndian(fields: NrrdFields, type: StoredType, file: string): boolean {
  const endian = fields.get("endian")?.toLowerCase();
  if (endian === "little" || endian === "big") return endian === "little";
  if (type.endsWith("8") || /^(text|txt|ascii)$/i.test(fields.get("encoding") ?? "")) return true;
  throw badInput(`${file}: its NRRD header says endian ${endian ?? "nothing"}; expected little or big`);
}

/** The named world, null where the file names none that says how the patient lies. */
export function spaceOf(fields: NrrdFields): NrrdSpace | null {
  const name = fields
    .get("space")
    ?.toLowerCase()
    .replace(/-time$|t$/, "");
  return name === undefined ? null : (SPACES[name] ?? null);
}

/** "(1,0,0) none (0,0,2)" -> vectors, null for none; bad input for what is neither. */
export function parseVectors(text: string, file: string): (readonly number[] | null)[] {
  const found = text.match(/\([^()]*\)|\S+/g) ?? [];
  return found.map((part) => {
    if (part === "none" || part === "???") return null;
    const numbers = part
      .replace(/^\(|\)$/g, "")
      .split(",")
      .map(Number);
    if (part.startsWith("(") && numbers.length === 3 && !numbers.some(Number.isNaN)) return numbers;
    throw badInput(
      `${file}: ${JSON.stringify(part.slice(0, 40))} is no vector of three numbers; the header is damaged, or its space is not of three dimensions`,
    );
  });
}

/** "64 64 21" -> numbers; bad input unless there are as many as axes, all positive whole numbers. */
export function parseSizes(fields: NrrdFields, file: string): number[] {
  const text = required(fields, "sizes", file);
  const sizes = text.split(/\s+/).map(Number);
  const dimension = Number(required(fields, "dimension", file));
  if (sizes.length === dimension && sizes.every((n) => Number.isSafeInteger(n) && n > 0)) return sizes;
  throw badInput(
    `${file}: header says dimension ${dimension} and sizes ${text.slice(0, 60)}; every axis needs a positive size, the header is damaged`,
  );
}
