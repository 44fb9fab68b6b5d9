import type { Random } from "#dist/data/random.js";

/** Values that readers stumble over: limits of signed and unsigned numbers of every width. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const at = (bytes: Buffer, random: Random): number => random.below(Math.max(1, bytes.length));

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const i = at(bytes, random);
    if (i < bytes.length) bytes[i]! ^= 1 << random.below(8);
    return bytes;
  },
  function setByte(bytes, random) {
    const i = at(bytes, random);
    if (i < bytes.length) bytes[i] = random.below(256);
    return bytes;
  },
  function setEdge(bytes, random) {
    const width = [1, 2, 4, 8][random.below(4)]!;
    const value = BigInt(EDGES[random.below(EDGES.length)]!);
    const i = random.below(Math.max(1, bytes.length - width + 1));
    const shift = (byte: number) => (random.below(2) === 0 ? byte : width - 1 - byte);
    for (let byte = 0; byte < width && i + byte < bytes.length; byte++) {
      bytes[i + byte] = Number((value >> BigInt(8 * shift(byte))) & 0xffn);
    }
    return bytes;
  },
  function fillRun(bytes, random) {
    const i = at(bytes, random);
    return bytes.fill(random.below(2) === 0 ? 0 : 0xff, i, Math.min(bytes.length, i + 1 + random.below(16)));
  },
  function cutShort(bytes, random) {
    return bytes.subarray(0, at(bytes, random));
  },
  function remove(bytes, random) {
    const i = at(bytes, random);
    return Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + 1 + random.below(16))]);
  },
  function repeat(bytes, random) {
    const i = at(bytes, random);
    const run = bytes.subarray(i, i + 1 + random.below(32));
    return Buffer.concat([bytes.subarray(0, i), run, run, bytes.subarray(i)]);
  },
  function insert(bytes, random) {
    const i = at(bytes, random);
    const noise = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256)));
    return Buffer.concat([bytes.subarray(0, i), noise, bytes.subarray(i)]);
  },
  function copyOver(bytes, random) {
    const [from, to] = [at(bytes, random), at(bytes, random)];
    bytes.copy(bytes, to, from, Math.min(bytes.length, from + 1 + random.below(32)));
    return bytes;
  },
];

/** A copy with one to six mutations, mostly few. */
export function mutateBytes(seed: Uint8Array, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(seed);
  const times = 1 + random.below(1 + random.below(6));
  for (let i = 0; i < times; i++) bytes = MUTATIONS[random.below(MUTATIONS.length)]!(bytes, random);
  return bytes;
}

/** A copy whose first `length` bytes, where headers lie, take the mutations. */
export const mutateHead = (seed: Uint8Array, length: number, random: Random): Buffer =>
  Buffer.concat([mutateBytes(seed.subarray(0, length), random), seed.subarray(length)]);

/** A copy with one to six changes of bytes that are not zero, for files that are mostly empty room. */
export function mutateUsed(seed: Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(seed);
  const used = [...seed.keys()].filter((i) => seed[i] !== 0);
  for (let times = 1 + random.below(1 + random.below(6)); times > 0; times--) {
    const i = used[random.below(used.length)]!;
    const edge = EDGES[random.below(EDGES.length)]! & 0xff;
    bytes[i] = [bytes[i]! ^ (1 << random.below(8)), random.below(256), edge][random.below(3)]!;
  }
  return bytes;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const ODD: readonly Json[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    -0,
    2 ** 31,
    2 ** 53,
    1e-9,
    "",
    "..",
    "/etc/passwd",
    "a\nb",
    "\u001b[2J",
  ],
  ...["../../x", "a\u0000b", "__proto__", "constructor", "x".repeat(5000), [], {}, [[]], { a: {} }],
];

const nested = (depth: number): Json => {
  let value: Json = [];
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
};

/** A value for any place. */
const oddValue = (random: Random): Json =>
  random.below(20) === 0 ? nested(500) : ODD[random.below(ODD.length)]!;

function mutateNode(value: Json, random: Random): Json {
  if (value === null || typeof value !== "object" || random.below(4) === 0) return oddValue(random);
  if (Array.isArray(value)) {
    if (value.length === 0) return [oddValue(random)];
    const i = random.below(value.length);
    const kind = random.below(4);
    if (kind === 0) return [...value.slice(0, i), ...value.slice(i + 1)];
    if (kind === 1) return [...value, value[i]!];
    return value.map((item, j) => (j === i ? mutateNode(item, random) : item));
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return { x: oddValue(random) };
  const i = random.below(entries.length);
  const kind = random.below(5);
  if (kind === 0) return Object.fromEntries(entries.filter((_, j) => j !== i));
  if (kind === 1) {
    const name = ["", "__proto__", "x", "../x", `${entries[i]![0]}2`][random.below(5)]!;
    return Object.fromEntries([...entries, [name, oddValue(random)]]);
  }
  return Object.fromEntries(
    entries.map(([key, item], j) => [key, j === i ? mutateNode(item, random) : item]),
  );
}

/** JSON text with one to four of its values, keys or lists changed; now and then its letters. */
export function mutateJson(seed: string, random: Random): Buffer {
  if (random.below(5) === 0) return mutateBytes(Buffer.from(seed), random);
  let value = JSON.parse(seed) as Json;
  for (let times = 1 + random.below(4); times > 0; times--) value = mutateNode(value, random);
  return Buffer.from(JSON.stringify(value));
}
