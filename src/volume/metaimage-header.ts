import { badInput } from "../errors.js";
import type { StoredType } from "./stored-image.js";

/** MetaIO's element types. MET_LONG is 4 bytes there whatever the machine. */
const TYPES: Readonly<Record<string, StoredType>> = {
  MET_CHAR: "i8",
  MET_UCHAR: "u8",
  MET_SHORT: "i16",
  MET_USHORT: "u16",
  MET_INT: "i32",
  MET_UINT: "u32",
  MET_LONG: "i32",
  MET_ULONG: "u32",
  MET_LONG_LONG: "i64",
  MET_ULONG_LONG: "u64",
  MET_FLOAT: "f32",
  MET_DOUBLE: "f64",
};

/** A MetaImage header's values by name; of names that mean the same, the first. */
export class MetaImageFields {
  constructor(
    readonly values: ReadonlyMap<string, string>,
    readonly file: string,
  ) {}

  get(...names: readonly string[]): string | undefined {
    return names.map((name) => this.values.get(name.toLowerCase())).find((value) => value !== undefined);
  }

  required(name: string): string {
    const value = this.get(name);
    if (value) return value;
    throw badInput(`${this.file}: its MetaImage header has no ${name}; the header is damaged`);
  }

  /** `count` numbers, null where the header has none by those names. */
  numbers(count: number, ...names: readonly string[]): number[] | null {
    const text = this.get(...names);
    if (text === undefined) return null;
    const numbers = text.split(/\s+/).map(Number);
    if (numbers.length === count && numbers.every(Number.isFinite)) return numbers;
    throw badInput(
      `${this.file}: its MetaImage header says ${names[0]} ${text.slice(0, 60)}; expected ${count} numbers`,
    );
  }

  isTrue(...names: readonly string[]): boolean {
    return /^(true|t|1)$/i.test(this.get(...names) ?? "");
  }

  type(): StoredType {
    const name = this.required("ElementType");
    const type = TYPES[name.toUpperCase()];
    if (type) return type;
    throw badInput(`${this.file}: voxels are ${name}; expected integers or floats, one number a voxel`);
  }
}

export function parseMetaImage(text: string, file: string): MetaImageFields {
  const values = new Map<string, string>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const at = line.indexOf("=");
    const name = line.slice(0, Math.max(at, 0)).trim();
    // ITK writes what it knows of an image beside the fields: "NRRD_kinds[0]", "0008|0060"
    if (!/^[^\p{Cc}]+$/u.test(name))
      throw badInput(`${file}: line ${i + 1} is no MetaImage header line; the header is damaged`);
    values.set(name.toLowerCase(), line.slice(at + 1).trim());
  }
  return new MetaImageFields(values, file);
}
