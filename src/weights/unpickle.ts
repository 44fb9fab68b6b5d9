import { badInput } from "../errors.js";
import { REFUSED_OPCODES } from "./opcode-names.js";
import { narrowed, PickleReader } from "./pickle-reader.js";
import { Callable, Dict, type DictKey, type PickleValue, Tuple } from "./pickle-values.js";

/** What a pickle may name: who resolves a global or a persistent id throws for all that is not on its list. */
export interface Allowed {
  global(name: string): PickleValue;
  persistent(id: PickleValue): PickleValue;
}

/** Well over any checkpoint's: tensors lie outside the pickle. */
export const MAX_PICKLE_BYTES = 1 << 24;
/** Lists, tuples, dicts and long numbers together; about 100 MB of memory. */
const MAX_OBJECTS = 1 << 19;
/** Values, marks and memo entries at one time, each. */
const MAX_DEPTH = 1 << 20;

type Operation = (machine: Machine) => void;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  // marks and the stack
  "(": (m) => m.mark(),
  "0": (m) => void m.pop(),
  "1": (m) => void m.popMark(),
  "2": (m) => m.push(m.top()),
  // framing that carries nothing
  "\x80": (m) => m.checkProtocol(m.reader.uint8()),
  "\x95": (m) => void m.reader.length64(),
  // constants and numbers
  N: (m) => m.push(null),
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),
  I: (m) => m.push(m.line({ "00": false, "01": true }) ?? m.integerLine()),
  L: (m) => m.push(m.integerLine()),
  F: (m) => m.push(Number(m.reader.line())),
  J: (m) => m.push(m.reader.int32()),
  K: (m) => m.push(m.reader.uint8()),
  M: (m) => m.push(m.reader.uint16()),
  G: (m) => m.push(m.reader.float64()),
  "\x8a": (m) => m.made(m.reader.integer(m.reader.uint8())),
  "\x8b": (m) => m.made(m.reader.integer(m.reader.uint32())),
  // texts and bytes
  S: (m) => m.push(m.quotedLine()),
  V: (m) => m.push(m.reader.line()),
  T: (m) => m.push(m.reader.text(m.reader.uint32())),
  U: (m) => m.push(m.reader.text(m.reader.uint8())),
  X: (m) => m.push(m.reader.text(m.reader.uint32())),
  "\x8c": (m) => m.push(m.reader.text(m.reader.uint8())),
  "\x8d": (m) => m.push(m.reader.text(m.reader.length64())),
  B: (m) => m.made(m.reader.slice(m.reader.uint32())),
  C: (m) => m.made(m.reader.slice(m.reader.uint8())),
  "\x8e": (m) => m.made(m.reader.slice(m.reader.length64())),
  // containers
  "]": (m) => m.made([]),
  l: (m) => m.made(m.popMark()),
  a: (m) => m.append([m.pop()]),
  e: (m) => m.append(m.popMark()),
  ")": (m) => m.made(new Tuple([])),
  t: (m) => m.made(new Tuple(m.popMark())),
  "\x85": (m) => m.made(new Tuple(m.popMany(1))),
  "\x86": (m) => m.made(new Tuple(m.popMany(2))),
  "\x87": (m) => m.made(new Tuple(m.popMany(3))),
  "}": (m) => m.made(new Dict()),
  d: (m) => m.makeDict(m.popMark()),
  s: (m) => m.setItems(m.popMany(2)),
  u: (m) => m.setItems(m.popMark()),
  // memo
  p: (m) => m.store(m.integerLine()),
  q: (m) => m.store(m.reader.uint8()),
  r: (m) => m.store(m.reader.uint32()),
  "\x94": (m) => m.storeNext(),
  g: (m) => m.fetch(m.integerLine()),
  h: (m) => m.fetch(m.reader.uint8()),
  j: (m) => m.fetch(m.reader.uint32()),
  // names
  c: (m) => m.global(m.reader.line(), m.reader.line()),
  "\x93": (m) => m.stackGlobal(),
  R: (m) => m.reduce(),
  b: (m) => m.build(),
  Q: (m) => m.made(m.allowed.persistent(m.pop())),
};

const STOP = 46;

/** A pickle machine that holds data only: the one thing it can run are the makers of its allow-list. */
class Machine {
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number | bigint, PickleValue>();
  #objects = 0;

  constructor(
    readonly reader: PickleReader,
    readonly allowed: Allowed,
  ) {}

  run(): PickleValue {
    for (let code = this.reader.uint8(); code !== STOP; code = this.reader.uint8()) {
      const operation = OPERATIONS[String.fromCharCode(code)];
      if (!operation) throw this.refusal(code);
      operation(this);
    }
    const result = this.pop();
    if (this.#stack.length > 0) throw this.reader.fault("it stops with values left on its stack");
    return result;
  }

  refusal(code: number): Error {
    const name = REFUSED_OPCODES[code];
    if (name === "INST") {
      return this.reader.fault(`it makes a ${this.reader.line()}.${this.reader.line()}, which is refused`);
    }
    return this.reader.fault(
      name ? `it uses ${name}, which is not read` : `it holds the byte ${code}, no opcode`,
    );
  }

  // Below a mark the stack may be looked at only once the mark is gone, as in Python's machine.
  get #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }
  push(value: PickleValue): void {
    this.#checkDepth(this.#stack.length);
    this.#stack.push(value);
  }
  #checkDepth(depth: number): void {
    if (depth >= MAX_DEPTH) throw this.reader.fault(`it keeps over ${MAX_DEPTH} values waiting`);
  }
  /** Pushes a new object, of which there may be so many. */
  made(value: PickleValue): void {
    if (++this.#objects > MAX_OBJECTS) throw this.reader.fault(`it makes over ${MAX_OBJECTS} objects`);
    this.push(value);
  }
  top(): PickleValue {
    if (this.#stack.length <= this.#floor) throw this.reader.fault("it takes from an empty stack");
    return this.#stack.at(-1)!;
  }
  pop(): PickleValue {
    const value = this.top();
    this.#stack.pop();
    return value;
  }
  popMany(count: number): PickleValue[] {
    if (this.#stack.length - count < this.#floor) throw this.reader.fault("it takes from an empty stack");
    return this.#stack.splice(-count);
  }
  mark(): void {
    this.#checkDepth(this.#marks.length);
    this.#marks.push(this.#stack.length);
  }
  popMark(): PickleValue[] {
    const start = this.#marks.pop();
    if (start === undefined) throw this.reader.fault("it closes what it did not open");
    return this.#stack.splice(start);
  }

  checkProtocol(version: number): void {
    if (version > 5) throw this.reader.fault(`it is of pickle protocol ${version}; 0 to 5 are read`);
  }
  /** The constant a line stands for, if it does; else the reader stays where it was. */
  line(constants: Readonly<Record<string, boolean>>): boolean | undefined {
    const start = this.reader.position;
    const text = this.reader.line();
    if (Object.hasOwn(constants, text)) return constants[text];
    this.reader.position = start;
    return undefined;
  }
  integerLine(): number | bigint {
    const text = this.reader.line();
    if (!/^-?\d{1,40}L?$/.test(text))
      throw this.reader.fault(`it holds ${JSON.stringify(text.slice(0, 40))} for a number`);
    return narrowed(BigInt(text.replace("L", "")));
  }
  quotedLine(): string {
    const text = this.reader.line();
    if (!/^(['"])[^\\]*\1$/.test(text))
      throw this.reader.fault("it holds a text with escapes, which is not read");
    return text.slice(1, -1);
  }

  append(values: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.reader.fault("it appends to what is no list");
    for (const value of values) list.push(value);
  }
  setItems(pairs: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict)) throw this.reader.fault("it sets a key of what is no dict");
    if (pairs.length % 2 !== 0) throw this.reader.fault("it gives a key without a value");
    for (let i = 0; i < pairs.length; i += 2) dict.entries.set(this.#key(pairs[i]!), pairs[i + 1]!);
  }
  makeDict(pairs: readonly PickleValue[]): void {
    this.made(new Dict());
    this.setItems(pairs);
  }
  #key(value: PickleValue): DictKey {
    if (value === null || typeof value !== "object") return value;
    throw this.reader.fault("a dict in it has a key that is no text or number");
  }

  store(slot: number | bigint): void {
    this.#checkDepth(this.#memo.size);
    this.#memo.set(slot, this.top());
  }
  storeNext(): void {
    this.store(this.#memo.size);
  }
  fetch(slot: number | bigint): void {
    const value = this.#memo.get(slot);
    if (value === undefined) throw this.reader.fault(`it recalls ${slot}, which it never stored`);
    this.push(value);
  }

  global(module: string, name: string): void {
    this.push(this.allowed.global(`${module}.${name}`));
  }
  stackGlobal(): void {
    const [module, name] = this.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.reader.fault("it names a global by what is no text");
    }
    this.global(module, name);
  }
  reduce(): void {
    const [maker, args] = this.popMany(2);
    if (!(maker instanceof Callable && args instanceof Tuple)) {
      throw this.reader.fault("it calls what can't be called");
    }
    this.made(maker.make(args.items));
  }
  /** Attributes of a dict (PyTorch's `_metadata`) say nothing that is needed; other objects have none. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Dict)) throw this.reader.fault("it gives attributes to what is no dict");
  }
}

/** A pickle's value and how many bytes it took. */
export interface Unpickled {
  readonly value: PickleValue;
  readonly length: number;
}

/**
 * Reads one pickle (protocols 0 to 5) from the start of `bytes`. Nothing is executed: data is built, names are looked
 * up in `allowed`, opcodes that make other objects are refused by name.
 * @param where what errors call it
 * @throws PenumbraError "bad-input"
 */
export function unpickle(bytes: Uint8Array, allowed: Allowed, where: string): Unpickled {
  const fault = (what: string) => badInput(`${where}: its pickle can't be read: ${what}`);
  const reader = new PickleReader(bytes.subarray(0, MAX_PICKLE_BYTES), fault);
  const value = new Machine(reader, allowed).run();
  return { value, length: reader.position };
}
