import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { refusal } from "../errors.testing.js";
import { native } from "./libtorch.js";
import { cat, fromArray, full, ones, rand, randn, randperm, stack, zeros } from "./make-tensor.js";
import { scope } from "./scope.js";
import { type Argument, call, callMany, callVoid, type Tensor } from "./tensor.js";

const numbers = (tensor: Tensor) => [...tensor.toFloat32Array()];
const matrix = () => fromArray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
const freed = () => {
  const tensor = ones([2]);
  tensor.dispose();
  return tensor;
};

describe("values", () => {
  it("go in and come out in row-major order, also of a view", () => {
    const x = matrix();
    expect(x.shape).toEqual([2, 3]);
    expect(numbers(x)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(numbers(x.transpose(0, 1))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(numbers(x.slice(1, 1, 3))).toEqual([2, 3, 5, 6]);
  });

  it("are copies: neither side sees the other's changes", () => {
    const host = Float32Array.of(1, 2);
    const x = fromArray(host, [2]);
    host[0] = 9;
    expect(numbers(x)).toEqual([1, 2]);
    x.toFloat32Array()[0] = 9;
    expect(numbers(x)).toEqual([1, 2]);
  });

  it.each([
    [Float32Array.of(1.5), "float32"],
    [Float64Array.of(1.5), "float64"],
    [Uint8Array.of(255), "uint8"],
    [Int32Array.of(-7), "int32"],
    [BigInt64Array.of(-(2n ** 53n)), "int64"],
  ] as const)("keep the type of %o", (values, dtype) => {
    const x = fromArray(values, [1]);
    expect(x.dtype).toBe(dtype);
    expect(x.item()).toBe(Number(values[0]));
  });

  it("keep 64-bit integers that a double can't hold", () => {
    expect(fromArray(BigInt64Array.of(2n ** 62n + 1n), [1]).toBigInt64Array()).toEqual(
      BigInt64Array.of(2n ** 62n + 1n),
    );
  });

  it("may be none, or one without axes", () => {
    expect(numbers(fromArray(new Float32Array(0), [0, 3]))).toEqual([]);
    expect(fromArray(Float32Array.of(4), []).shape).toEqual([]);
  });
});

describe("operators", () => {
  it("take tensors and numbers", () => {
    const x = matrix();
    expect(numbers(x.add(x, -1))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(numbers(x.add(1, 10))).toEqual([11, 12, 13, 14, 15, 16]);
    expect(numbers(x.sum([0]))).toEqual([5, 7, 9]);
    expect(x.mean([1], true).shape).toEqual([2, 1]);
    expect(numbers(x.clamp(2, 5))).toEqual([2, 2, 3, 4, 5, 5]);
    expect(numbers(x.matmul(x.transpose(0, 1)))).toEqual([14, 32, 32, 77]);
    expect(x.argmax(1).toBigInt64Array()).toEqual(BigInt64Array.of(2n, 2n));
    expect([x.eq(3).dtype, ...x.eq(3).toUint8Array()]).toEqual(["bool", 0, 0, 1, 0, 0, 0]);
  });

  it("build and join tensors", () => {
    expect(numbers(cat([zeros([1]), full([2], 3)], 0))).toEqual([0, 3, 3]);
    expect(stack([ones([2]), zeros([2])], 1).shape).toEqual([2, 2]);
    expect([...randperm(5).toBigInt64Array()].map(Number).sort()).toEqual([0, 1, 2, 3, 4]);
    const uniform = numbers(rand([1000]));
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
  });

  it("return several tensors where they have several", () => {
    const [values, places] = callMany("max", "dim", matrix(), 1) as [Tensor, Tensor];
    expect(numbers(values)).toEqual([3, 6]);
    expect(places.dtype).toBe("int64");
  });

  it("change a tensor in place when their name ends in _", () => {
    const x = zeros([2]);
    x.fill_(2)
      .add_(ones([2]), 3)
      .mul_(full([2], 2))
      .sub_(ones([2]));
    expect(numbers(x)).toEqual([9, 9]);
    expect(numbers(x.zero_())).toEqual([0, 0]);
  });
});

describe("refusals", () => {
  const foreign = () => {
    // a native object of node's that is no tensor
    const server = createServer().listen(0);
    const handle = (server as unknown as { _handle: { _externalStream: object } })._handle._externalStream;
    server.close();
    return handle as unknown as Argument;
  };
  const wrong: [string, () => unknown, RegExp][] = [
    ["a freed tensor", () => freed().add(1), /aten::add: argument "self" wants Tensor, got .*already freed/],
    [
      "another type",
      () => matrix().matmul(fromArray(new Float64Array(3), [3, 1])),
      /aten::matmul: .*double/i,
    ],
    ["a text for a tensor", () => call("add", "Tensor", ones([1]), "a"), /aten::add: .*"other".*a string/],
    ["a number among tensors", () => call("cat", "", [ones([1]), 3], 0), /aten::cat: .*"tensors".*a number/],
    ["half an index", () => ones([2]).select(0, 0.5), /aten::select: .*whole number, got 0.5/],
    ["an index of NaN", () => ones([2]).select(0, Number.NaN), /aten::select: .*whole number/],
    ["an index of 71 bits", () => call("select", "int", ones([2]), 0, 2n ** 70n), /aten::select: .*64 bits/],
    ["an index out of range", () => ones([2]).select(0, 2), /aten::select: .*out of range/],
    ["shapes that don't fit", () => matrix().matmul(matrix()), /aten::matmul: .*2x3 and 2x3/],
    ["no such operator", () => call("no_such", ""), /no operator aten::no_such/],
    ["no such overload", () => call("add", "Nope", ones([1])), /no operator aten::add.Nope/],
    ["no tensor as the result", () => call("size", "int", ones([3]), 0), /aten::size: .*one tensor, got 3/],
    [
      "several tensors for one",
      () => call("max", "dim", matrix(), 1),
      /aten::max: .*one tensor, got several/,
    ],
    ["one tensor for several", () => callMany("relu", "", matrix()), /aten::relu: .*several tensors/],
    ["too many arguments", () => call("relu", "", ones([1]), 1, 2), /aten::relu: takes 1 arguments, got 3/],
    ["a missing argument", () => call("matmul", "", ones([1])), /aten::matmul: argument "other".*undefined/],
    ["an object", () => call("relu", "", {} as Argument), /aten::relu: .*an object/],
    ["a foreign handle", () => call("relu", "", foreign()), /aten::relu: .*(foreign handle|an object)/],
    ["an unknown device", () => zeros([1], { device: "bogus" }), /aten::zeros: .*bogus/],
    ["a size no memory has", () => zeros([2 ** 40]), /aten::zeros: out of memory: 4194304 MB/],
    ["another shape to copy", () => callVoid("copy_", "", matrix(), ones([5])), /aten::copy_: .*\(5\)/],
  ];

  it.each(wrong)("%s: an error with the operator's name", (_, work, message) => {
    expect(work).toThrow(message);
    expect(numbers(ones([1]).add(1))).toEqual([2]); // and everything goes on
  });

  it("a lack of memory is the machine's fault, not a bug", () => {
    expect(refusal(() => zeros([2 ** 40]))).toMatchObject({
      code: "environment",
      message: expect.stringMatching(/^aten::zeros: out of memory: .*; free memory, or make patches/),
    });
  });

  it("a handle that is none of ours is no tensor", () => {
    expect(() => native().shape(foreign() as never)).toThrow("expected a tensor");
    expect(() => native().shape({} as never)).toThrow("expected a tensor");
    expect(() => (native().shape as unknown as () => void)()).toThrow(Error);
  });

  it.each([
    ["shape", (x: Tensor) => x.shape],
    ["dtype", (x: Tensor) => x.dtype],
    ["device", (x: Tensor) => x.device],
    ["requiresGrad", (x: Tensor) => x.requiresGrad],
    ["grad", (x: Tensor) => x.grad],
    ["item", (x: Tensor) => x.item()],
    ["numel", (x: Tensor) => x.numel()],
    ["toFloat32Array", (x: Tensor) => x.toFloat32Array()],
    ["toUint8Array", (x: Tensor) => x.toUint8Array()],
    ["toBigInt64Array", (x: Tensor) => x.toBigInt64Array()],
    ["backward", (x: Tensor) => x.backward()],
    ["requireGrad", (x: Tensor) => x.requireGrad()],
    ["clearGrad", (x: Tensor) => x.clearGrad()],
  ])("%s of a freed tensor", (name, use) => {
    expect(() => use(freed())).toThrow(new Error(`Tensor.${name}: the tensor was already freed`));
  });

  it("freeing twice is nothing", () => {
    const x = freed();
    expect(() => x.dispose()).not.toThrow();
  });

  it("buffers of another length than the shape says, both ways", () => {
    expect(() => fromArray(new Float32Array(3), [2, 2])).toThrow("needs 16 bytes, the buffer has 12");
    expect(() => fromArray(new Float32Array(1), [-1])).toThrow("shape is out of range");
    expect(() => fromArray(new Float32Array(1), [2 ** 30, 2 ** 30])).toThrow("shape is out of range");
    expect(() => fromArray(new Float32Array(1), [0.5])).toThrow("whole number");
    expect(() => native().toBytes(matrix().handle, new Float32Array(5))).toThrow(/24 bytes, the buffer 20/);
    expect(() => native().toBytes(matrix().handle, [1] as never)).toThrow("expected a typed array");
    expect(() => native().fromBytes(new Float32Array(1), [1], 99)).toThrow(Error);
  });

  it("one value of many, and a scalar type without a name", () => {
    expect(() => matrix().item()).toThrow(/^Tensor.item: .*6 elements/);
    expect(() => call("to", "dtype", ones([1]), 5).dtype).toThrow("scalar type 5");
    expect(() => fromArray(BigInt64Array.of(1n), [1]).requireGrad()).toThrow(
      /^Tensor.requireGrad: .*floating point/,
    );
  });

  it.each(["a", { handle: 1 }, 1])("backward of a gradient that is no tensor: %o", (gradient) => {
    const x = ones([]).requireGrad();
    expect(() => x.mul(2).backward(gradient as unknown as Tensor)).toThrow(
      /Tensor.backward: the gradient is no tensor/,
    );
    expect(x.grad).toBeNull();
  });

  it.each([
    new Int16Array(4),
    new Int8Array(8),
    new Uint8ClampedArray(8),
    new Uint32Array(2),
    new BigUint64Array(1),
    1,
    "a",
  ])("values in an array of no type here: %o", (values) => {
    expect(() => fromArray(values as unknown as Float32Array, [1])).toThrow(
      `fromArray: expected Float32Array, Float64Array, Uint8Array, Int32Array or BigInt64Array, got ${values.constructor.name};`,
    );
  });

  it.each([
    ["zeros", () => zeros([2], { dtype: "float16" as never })],
    ["randn", () => randn([2], { dtype: "float16" as never })],
    ["randperm", () => randperm(2, { dtype: "toString" as never })],
    ["Tensor.to", () => ones([2]).to("float16" as never)],
  ])("%s of a dtype without a name here", (name, work) => {
    expect(work).toThrow(
      new RegExp(`^${name}: no dtype "(float16|toString)"; expected one of uint8, int32, .*bfloat16$`),
    );
  });

  it("leave nothing behind inside a scope", () => {
    scope(() => {
      const before = native().memory().tensors;
      for (const [, work] of wrong) expect(() => scope(work)).toThrow(Error);
      expect(native().memory().tensors).toBe(before);
    });
  });
});
