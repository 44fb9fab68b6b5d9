import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { complaint } from "../src/errors.testing.js";
import { readTensorFile } from "../src/weights/tensor-file.js";
import { zipArchive } from "./fuzz/zip-archive.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-hostile-"));
afterAll(() => rmSync(dir, { recursive: true }));

const text = (value: string) => `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`;
const whole = (n: number) => `J${Buffer.from(Int32Array.of(n).buffer).toString("latin1")}`;
const tuple = (...items: string[]) => `(${items.join("")}t`;
const storage = (elements: number, kind = "Float", key = "0") =>
  `${tuple(text("storage"), `ctorch\n${kind}Storage\n`, text(key), text("cpu"), whole(elements))}Q`;
const tensor = (stored: string, offset: number, shape: number[], strides: number[]) =>
  `ctorch._utils\n_rebuild_tensor_v2\n${tuple(stored, whole(offset), tuple(...shape.map(whole)), tuple(...strides.map(whole)), "\x89", ")")}R`;
const dict = (...items: [string, string][]) =>
  `}${items.map(([key, value]) => `${text(key)}${value}s`).join("")}`;

/** Writes a checkpoint with this pickle and eight bytes of storage, and reads it. */
function read(pickle: string, storageBytes: Uint8Array = new Uint8Array(8)) {
  const path = join(dir, "x.pth");
  const data = Buffer.from(`\x80\x02${pickle}.`, "latin1");
  writeFileSync(
    path,
    zipArchive([
      { name: "archive/data.pkl", bytes: data },
      { name: "archive/data/0", bytes: storageBytes },
    ]),
  );
  return readTensorFile(path).tensors;
}

it("a checkpoint of these parts is read when it is honest", () => {
  const floats = new Uint8Array(Float32Array.of(1, 2).buffer);
  const { shape, data } = read(dict(["w", tensor(storage(2), 0, [2], [1])]), floats).get("w")!;
  expect([shape, [...data]]).toEqual([[2], [1, 2]]);
});

describe("refused before memory is taken:", () => {
  it.each([
    [
      "a storage that is larger than its bytes",
      dict(["w", tensor(storage(2 ** 30), 0, [1], [1])]),
      /storage 0 needs 4294967296 bytes, it has 8/,
    ],
    [
      "a storage that is not there",
      dict(["w", tensor(storage(1, "Float", "7"), 0, [1], [1])]),
      /storage 7 needs 4 bytes, it has none/,
    ],
    [
      "a tensor that ends behind its storage",
      dict(["w", tensor(storage(2), 1, [2], [1])]),
      /ends outside its storage of 2/,
    ],
    [
      "a shape of 2^62 elements",
      dict(["w", tensor(storage(2), 0, [2 ** 30, 2 ** 30, 4], [0, 0, 0])]),
      /impossible: shape/,
    ],
    [
      "one element, expanded to a billion",
      dict(["w", tensor(storage(2), 0, [2 ** 30], [0])]),
      /take over 4 times the file's/,
    ],
    ["a negative stride", dict(["w", tensor(storage(2), 1, [2], [-1])]), /is no count/],
    ["a negative offset", dict(["w", tensor(storage(2), -1, [1], [1])]), /unknown way/],
    [
      "a storage with a path for a key",
      dict(["w", tensor(storage(1, "Float", "../data.pkl"), 0, [1], [1])]),
      /it has none/,
    ],
    [
      "one storage as two types",
      dict(["a", tensor(storage(2), 0, [1], [1])], ["b", tensor(storage(2, "Int"), 0, [1], [1])]),
      /described twice/,
    ],
    ["a text of 4 GB", "X\xff\xff\xff\xff", /ends within a value of 4294967295 bytes/],
    ["a number of 4 GB", "\x8b\xff\xff\xff\xff", /whole number of 4294967295 bytes/],
    ["a million empty dicts", "}".repeat(2 ** 20), /over 524288 objects/],
    ["three million marks", "(".repeat(3 * 2 ** 20), /over 1048576 values waiting/],
    ["lists within lists within lists", `${"]".repeat(100)}${"a".repeat(99)}`, /16 levels/],
    ["2^40 lists, each of the one before twice", `]q\x00${"](h\x00h\x00eq\x00".repeat(40)}`, /levels|values/],
    ["a list that holds itself", "]q\x00h\x00a", /levels/],
  ])("%s", (_, pickle, message) => {
    const [rss, start] = [process.memoryUsage.rss(), process.cpuUsage()];
    expect(complaint(() => read(pickle))).toMatch(message);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
    expect(process.memoryUsage.rss() - rss).toBeLessThan(2 ** 28);
  });
});

describe("refused by name:", () => {
  it.each([
    ["os.system", "cos\nsystem\n", /asks for os\.system;/],
    ["a builtin, from the stack", `${text("builtins")}${text("eval")}\x93`, /asks for builtins\.eval;/],
    ["an attribute of an allowed module", "ctorch\nload\n", /asks for torch\.load;/],
    ["a class by an old opcode", "(ios\nsystem\n", /makes a os\.system, which is refused/],
    ["an object by a newer opcode", "ccollections\nOrderedDict\n)\x81", /uses NEWOBJ/],
    ["a set", "\x8f", /uses EMPTY_SET/],
    ["a name of control characters", "cos\x1b[2J\x00\nsystem\n", /asks for os\ufffd\[2J\ufffd\.system;/],
    ["attributes for a tensor", `${tensor(storage(2), 0, [1], [1])}}b`, /attributes to what is no dict/],
    ["a call of a text", `${text("a")})R`, /can't be called/],
  ])("%s", (_, pickle, message) => {
    expect(complaint(() => read(pickle))).toMatch(message);
  });
});

it("an archive whose bytes changed after it was signed is damaged", () => {
  const path = join(dir, "changed.pth");
  const pickle = Buffer.from(`\x80\x02${dict(["w", tensor(storage(2), 0, [2], [1])])}.`, "latin1");
  const archive = zipArchive([
    { name: "a/data.pkl", bytes: pickle },
    { name: "a/data/0", bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  ]);
  archive[archive.indexOf(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))]! ^= 1;
  writeFileSync(path, archive);
  expect(complaint(() => readTensorFile(path))).toMatch(/checksum of a\/data\/0 does not match/);
});
