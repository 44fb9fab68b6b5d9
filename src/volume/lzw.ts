const CLEAR = 256;
const END = 257;
const FIRST_FREE = 258;
const MIN_BITS = 9;
const MAX_BITS = 12;

/** The strings of an LZW table: each is an older one and a byte. */
class Strings {
  readonly #older = new Uint16Array(1 << MAX_BITS);
  readonly #byte = new Uint8Array(1 << MAX_BITS);
  readonly #length = new Uint16Array(1 << MAX_BITS).fill(1, 0, CLEAR);
  next = FIRST_FREE;

  constructor() {
    for (let i = 0; i < CLEAR; i++) this.#byte[i] = i;
  }

  add(older: number, byte: number): void {
    if (this.next === 1 << MAX_BITS) return;
    this.#older[this.next] = older;
    this.#byte[this.next] = byte;
    this.#length[this.next++] = this.#length[older]! + 1;
  }

  first(code: number): number {
    let at = code;
    while (at >= FIRST_FREE) at = this.#older[at]!;
    return at;
  }

  /** Writes a string; returns where it ends. Throws an Error where it goes beyond the room. */
  write(code: number, out: Uint8Array, to: number): number {
    const end = to + this.#length[code]!;
    if (end > out.length) throw new Error(`its LZW data holds more than ${out.length} bytes`);
    for (let at = code, i = end - 1; i >= to; i--, at = this.#older[at]!) out[i] = this.#byte[at]!;
    return end;
  }
}

/** Codes of 9 to 12 bits, the highest bit first; END where the bytes end. */
function* codesOf(packed: Uint8Array, bits: () => number): Generator<number> {
  let [held, count] = [0, 0];
  for (const byte of packed) {
    held = ((held << 8) | byte) & 0xfffff;
    count += 8;
    const width = bits();
    if (count < width) continue;
    count -= width;
    yield (held >> count) & ((1 << width) - 1);
  }
}

/** Undoes TIFF's LZW (TIFF 6.0, section 13) into at most `limit` bytes. Throws an Error for damaged data. */
export function decodeLzw(packed: Uint8Array, limit: number): Uint8Array {
  const out = new Uint8Array(limit);
  const strings = new Strings();
  let [to, previous, bits] = [0, -1, MIN_BITS];
  for (const code of codesOf(packed, () => bits)) {
    if (code === END) break;
    if (code === CLEAR) {
      [strings.next, previous, bits] = [FIRST_FREE, -1, MIN_BITS];
      continue;
    }
    if (code > strings.next || (code === strings.next && previous < 0) || code >= 1 << MAX_BITS)
      throw new Error(`its LZW data has the code ${code}, which stands for nothing yet`);
    if (previous >= 0) strings.add(previous, strings.first(code === strings.next ? previous : code));
    if (code >= strings.next) throw new Error("its LZW data has a full table");
    to = strings.write(code, out, to);
    previous = code;
    while (bits < MAX_BITS && strings.next >= (1 << bits) - 1) bits++; // one code early
  }
  return out.subarray(0, to);
}
