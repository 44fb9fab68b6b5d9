/** Reads a pickle's bytes one argument after another. Every read is checked; what is wrong is said through `fault`. */
export class PickleReader {
  position = 0;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly fault: (what: string) => Error,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where `length` bytes begin, moving past them. */
  #take(length: number): number {
    const start = this.position;
    if (!(length >= 0 && length <= this.bytes.length - start)) {
      throw this.fault(`it ends within a value of ${length} bytes`);
    }
    this.position += length;
    return start;
  }

  uint8 = (): number => this.#view.getUint8(this.#take(1));
  uint16 = (): number => this.#view.getUint16(this.#take(2), true);
  uint32 = (): number => this.#view.getUint32(this.#take(4), true);
  int32 = (): number => this.#view.getInt32(this.#take(4), true);
  float64 = (): number => this.#view.getFloat64(this.#take(8), false);
  /** A length of 8 bytes. */
  length64(): number {
    const length = this.#view.getBigUint64(this.#take(8), true);
    if (length > BigInt(this.bytes.length)) throw this.fault(`it claims a value of ${length} bytes`);
    return Number(length);
  }
  slice(length: number): Uint8Array {
    const start = this.#take(length);
    return this.bytes.subarray(start, start + length);
  }
  text(length: number): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.slice(length));
    } catch (error) {
      if (error instanceof TypeError) throw this.fault("a text in it is not UTF-8");
      throw error;
    }
  }
  /** Up to the next newline, which is passed. */
  line(): string {
    const end = this.bytes.indexOf(10, this.position);
    if (end < 0) throw this.fault("it ends within a line");
    const text = this.text(end - this.position);
    this.position++;
    return text;
  }
  /** Two's complement, little endian, at most 16 bytes. */
  integer(length: number): number | bigint {
    if (length > 16) throw this.fault(`it holds a whole number of ${length} bytes`);
    let value = 0n;
    this.slice(length).forEach((byte, i) => {
      value |= BigInt(byte) << BigInt(8 * i);
    });
    return narrowed(BigInt.asIntN(8 * length, value));
  }
}

/** A number where it is exact, else the bigint. */
export const narrowed = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
