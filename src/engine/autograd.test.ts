import { describe, expect, it } from "vitest";
import { noGrad, withGradient } from "./autograd.js";
import { fromArray } from "./make-tensor.js";
import { scope } from "./scope.js";
import type { Tensor } from "./tensor.js";

const leaf = (...values: number[]): Tensor =>
  fromArray(Float32Array.from(values), [values.length]).requireGrad();
const numbers = (tensor: Tensor | null) => tensor && [...tensor.toFloat32Array()];

describe("back-propagation", () => {
  it("adds up gradients until they are cleared", () => {
    const x = leaf(1, 2);
    expect(x.grad).toBeNull();
    x.square().sum().backward();
    expect(numbers(x.grad)).toEqual([2, 4]);
    x.sum().backward();
    expect(numbers(x.grad)).toEqual([3, 5]);
    x.clearGrad();
    expect(x.grad).toBeNull();
  });

  it("does not pass a detached tensor", () => {
    const x = leaf(3);
    x.mul(x.detach()).sum().backward();
    expect(numbers(x.grad)).toEqual([3]);
    expect(() => x.detach().sum().backward()).toThrow("does not require grad");
  });

  it("goes through tensors that a scope has already freed", () => {
    const x = leaf(1, 2);
    scope(() => x.exp().mul(2).square().sum()).backward(); // 4·exp(2x)
    const expected = [8 * Math.exp(2), 8 * Math.exp(4)];
    expect(numbers(x.grad)!.map((g, i) => Math.abs(g / expected[i]! - 1) < 1e-6)).toEqual([true, true]);
  });

  it("refuses a loss of several elements", () => {
    expect(() => leaf(1, 2).mul(2).backward()).toThrow("scalar");
  });
});

describe("noGrad", () => {
  it("records nothing inside and everything after, also when nested", () => {
    const x = leaf(1);
    noGrad(() => {
      expect(x.mul(2).requiresGrad).toBe(false);
      noGrad(() => {});
      expect(x.mul(2).requiresGrad).toBe(false);
    });
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  it("restores recording when its body throws", () => {
    const broken = () =>
      noGrad(() => {
        throw new Error("broken");
      });
    expect(broken).toThrow("broken");
    expect(leaf(1).mul(2).requiresGrad).toBe(true);
  });
});

describe("withGradient", () => {
  it("has the given value and gradient, and both scale with what follows", () => {
    const x = leaf(5, -3, 2);
    const loss = withGradient(fromArray(Float32Array.of(7), []), x, fromArray(Float32Array.of(1, 2, 3), [3]));
    expect(loss.item()).toBe(7);
    loss.mul(10).backward();
    expect(numbers(x.grad)).toEqual([10, 20, 30]);
  });
});
