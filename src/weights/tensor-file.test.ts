import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import { readTensorFile } from "./tensor-file.js";

const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/pth/${name}`, import.meta.url));
const from = (length: number, start = 0, step = 1) => Array.from({ length }, (_, i) => start + step * i);

/** What test/fixtures/pth/make.py saved, by the names it has here. */
const KINDS = {
  f32: ["F32", [2, 3], [0, 1, 2, 3, 4, 5]],
  f64: ["F64", [2], [1.5, -2.25]],
  f16: ["F32", [4], [1, -0.5, 65504, 2 ** -24]],
  bf16: ["F32", [3], [1, -3, 2 ** 100]],
  i64: ["I64", [2], [2n ** 40n, -1n]],
  i32: ["I32", [2], [2 ** 30, -7]],
  i16: ["I32", [2], [-300, 300]],
  i8: ["I32", [2], [-128, 127]],
  u8: ["U8", [2], [0, 255]],
  bool: ["BOOL", [3], [1, 0, 1]],
  scalar: ["I64", [], [5n]],
  empty: ["F32", [0, 3], []],
} as const;
const VIEWS = {
  whole: [[2, 3, 4], from(24)],
  transposed: [[4, 2, 3], from(4).flatMap((column) => from(6, column, 4))],
  part: [
    [2, 3],
    [6, 8, 10, 12, 14, 16],
  ],
  again: [[4], [20, 21, 22, 23]],
  expanded: [[3], [7, 7, 7]],
} as const;

describe.each([
  ["checkpoint.pth", "PyTorch"],
  ["checkpoint-legacy.pth", "PyTorch before 1.6"],
])("%s", (name, form) => {
  const file = readTensorFile(fixture(name));

  it("is told by its content", () => expect(file.form).toBe(form));

  it.each(Object.entries(KINDS))("holds %s", (kind, [dtype, shape, values]) => {
    const tensor = file.tensors.get(`state_dict.module.${kind}`)!;
    expect([tensor.dtype, tensor.shape, [...tensor.data]]).toEqual([dtype, shape, values]);
  });

  it.each(Object.entries(VIEWS))("holds a view of a shared storage: %s", (view, [shape, values]) => {
    const tensor = file.tensors.get(`views.${view}`)!;
    expect([tensor.shape, [...tensor.data]]).toEqual([shape, values]);
  });

  it("holds a parameter, and no tensor more", () => {
    expect([...file.tensors.get("parameter")!.data]).toEqual([1, 1]);
    expect(file.tensors.size).toBe(Object.keys(KINDS).length + Object.keys(VIEWS).length + 1);
  });
});

it("reads a module's state dict, whose OrderedDict carries attributes", () => {
  const { tensors } = readTensorFile(fixture("module.pth"));
  expect([...tensors.keys()]).toEqual([
    ...["0.weight", "0.bias", "1.weight", "1.bias"],
    ...["1.running_mean", "1.running_var", "1.num_batches_tracked"],
  ]);
});

describe("refuses by name, and runs nothing:", () => {
  it.each([
    ["malicious.pth", "posix.system"],
    ["malicious-legacy.pth", "posix.system"],
    ["whole-module.pth", "torch.nn.modules.container.Sequential"],
  ])("%s", (name, asked) => {
    const path = fixture(name);
    expect(complaint(() => readTensorFile(path))).toBe(
      `${path}: refused, it asks for ${asked}; only tensors, numbers, texts, dicts and lists are read and nothing is run. ` +
        "Save the weights alone: torch.save(model.state_dict(), FILE)",
    );
    expect(existsSync("/tmp/penumbra-was-here")).toBe(false);
  });
});
