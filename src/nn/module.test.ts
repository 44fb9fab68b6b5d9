import { describe, expect, it } from "vitest";
import { memoryFigures } from "../engine/libtorch.js";
import { fromArray, full, ones, randn, zeros } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { ChannelDropout, Conv3d, UpConv3d } from "./layers.js";
import { Module } from "./module.js";
import { type Normalization, normRelu } from "./norm.js";

class Leaf extends Module {
  readonly weight = this.parameter("weight", full([2], 1));
  readonly seen = this.buffer("seen", zeros([1]));
}
class Tree extends Module {
  readonly bias = this.parameter("bias", full([1], 2));
  readonly a = this.child("a", new Leaf());
  readonly b = this.child("b", new Leaf());
  take(kind: "parameter" | "buffer" | "child", name: string): void {
    if (kind === "child") this.child(name, new Leaf());
    else this[kind](name, zeros([1]));
  }
}
const numbers = (x: Tensor) => [...x.toFloat32Array()];

describe("Module", () => {
  it("names its tensors by path, in order of construction, buffers last", () => {
    const tree = new Tree();
    expect([...tree.parameters().keys()]).toEqual(["bias", "a.weight", "b.weight"]);
    expect([...tree.buffers().keys()]).toEqual(["a.seen", "b.seen"]);
    expect([...tree.stateDict().keys()]).toEqual(["bias", "a.weight", "b.weight", "a.seen", "b.seen"]);
    expect(tree.stateDict().get("b.weight")).toBe(tree.b.weight);
  });

  it("trains parameters and not buffers", () => {
    const tree = new Tree();
    expect(tree.a.weight.requiresGrad).toBe(true);
    expect(tree.a.seen.requiresGrad).toBe(false);
  });

  it.each(["parameter", "buffer", "child"] as const)("refuses a second %s of a name", (kind) => {
    for (const name of ["bias", "a"]) {
      expect(() => new Tree().take(kind, name)).toThrow(`the name "${name}" is taken`);
    }
  });

  it("passes training and evaluation on to its children", () => {
    const tree = new Tree();
    expect([tree.training, tree.b.training]).toEqual([true, true]);
    tree.evaluate();
    expect([tree.training, tree.b.training]).toEqual([false, false]);
    expect(tree.train().b.training).toBe(true);
  });

  it("outlives the scope it was made in and frees everything when disposed of", () => {
    const before = memoryFigures().tensors;
    let tree: Tree | undefined;
    scope(() => {
      tree = new Tree();
    });
    expect(memoryFigures().tensors).toBe(before + 5);
    tree!.dispose();
    expect(memoryFigures().tensors).toBe(before);
  });
});

describe("loadState", () => {
  it("copies values, into tensors that stay its own", () => {
    const [from, to] = [new Tree(), new Tree()];
    from.a.weight.detach().fill_(7);
    from.b.seen.fill_(3);
    const before = to.a.weight;
    expect(to.loadState(from.stateDict())).toBe(to);
    expect(to.a.weight).toBe(before);
    expect([numbers(to.a.weight), numbers(to.b.seen)]).toEqual([[7, 7], [3]]);
    from.a.weight.detach().fill_(8);
    expect(numbers(to.a.weight)).toEqual([7, 7]);
    expect(to.a.weight.requiresGrad).toBe(true);
  });

  const changed = (change: (state: Map<string, Tensor>) => void) => {
    const state = new Map(new Tree().stateDict());
    change(state);
    return () => new Tree().loadState(state);
  };
  it("names what is missing, unknown or of another shape", () => {
    expect(changed((state) => state.delete("b.seen"))).toThrow('lacks "b.seen"');
    expect(changed((state) => state.set("c.weight", ones([1])))).toThrow(
      'has "c.weight", which this network lacks',
    );
    expect(changed((state) => state.set("a.weight", ones([1, 2])))).toThrow(
      '"a.weight" is [1,2] but this network\'s is [2]',
    );
  });
});

describe("layers", () => {
  it("start uniform within ±1/sqrt(fan in)", () => {
    const values = numbers(new Conv3d(8, 16, 3, "cpu").stateDict().get("weight")!);
    const bound = 1 / Math.sqrt(8 * 27);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...values)).toBeGreaterThan(0.95 * bound);
    expect(Math.min(...values)).toBeLessThan(-0.95 * bound);
  });

  it.each([
    [1, [4, 6, 8]],
    [2, [2, 3, 4]],
    [3, [4, 6, 8]],
  ] as const)("convolve with kernel %i to %o", (kernel, size) => {
    const conv = new Conv3d(2, 3, kernel, "cpu");
    expect(conv.forward(randn([1, 2, 4, 6, 8])).shape).toEqual([1, 3, ...size]);
    expect(conv.stateDict().get("weight")!.shape).toEqual([3, 2, kernel, kernel, kernel]);
  });

  it("double the size going up", () => {
    expect(new UpConv3d(4, 2, "cpu").forward(randn([1, 4, 1, 2, 3])).shape).toEqual([1, 2, 2, 4, 6]);
  });

  it("drop channels only while training", () => {
    const dropout = new ChannelDropout(0.5);
    const x = ones([1, 64, 1, 1, 1]);
    expect(new Set(numbers(dropout.forward(x)))).toEqual(new Set([0, 2]));
    expect(dropout.evaluate().forward(x)).toBe(x);
  });

  it("count the batches that normalization has seen, while training", () => {
    const norm = normRelu("batch", 2, "cpu");
    const batches = norm.stateDict().get("num_batches_tracked")!;
    norm.forward(randn([2, 2, 2, 2, 2]));
    norm.forward(randn([2, 2, 2, 2, 2]));
    norm.evaluate().forward(randn([2, 2, 2, 2, 2]));
    expect(batches.item()).toBe(2);
  });

  it("normalize in evaluation mode with the running statistics", () => {
    const norm = normRelu("batch", 1, "cpu").evaluate();
    const state = norm.stateDict();
    state.get("running_mean")!.fill_(2);
    state.get("running_var")!.fill_(4);
    const x = fromArray(Float32Array.of(1, 2, 4, 8), [1, 1, 4]);
    expect(numbers(norm.forward(x))).toEqual([0, 0, 1, 3].map((v) => expect.closeTo(v, 4)));
  });

  const kinds: [Normalization, string[]][] = [
    ["batch", ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]],
    ["group", ["weight", "bias"]],
    ["instance", []],
    ["none", []],
  ];
  it.each(kinds)("normalize by %s, never below 0", (kind, names) => {
    const norm = normRelu(kind, 16, "cpu");
    expect([...norm.stateDict().keys()]).toEqual(names);
    const y = norm.forward(randn([2, 16, 2, 3, 4]));
    expect(y.shape).toEqual([2, 16, 2, 3, 4]);
    expect(Math.min(...numbers(y))).toBe(0);
  });
});
