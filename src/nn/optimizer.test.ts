import { describe, expect, it } from "vitest";
import { memoryFigures } from "../engine/libtorch.js";
import { fromArray } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { movingAverage_, Sgd } from "./optimizer.js";

const leaf = (...values: number[]) => fromArray(Float32Array.from(values), [values.length]).requireGrad();
const numbers = (x: Tensor) => [...x.toFloat32Array()];
/** Gives `p` the gradient `g`. */
const pull = (p: Tensor, ...g: number[]) =>
  p
    .mul(fromArray(Float32Array.from(g), [g.length]))
    .sum()
    .backward();
const close = (...values: number[]) => values.map((v) => expect.closeTo(v, 6));

describe("Sgd", () => {
  it("takes two steps as computed by hand", () => {
    const p = leaf(1, -2);
    const optimizer = new Sgd(new Map([["p", p]]), { momentum: 0.9, weightDecay: 0.1 });
    pull(p, 0.5, 1);
    optimizer.step(0.1);
    // v = [0.5 + 0.1, 1 - 0.2] = [0.6, 0.8]
    expect(numbers(p)).toEqual(close(0.94, -2.08));
    pull(p, -0.3, 0);
    optimizer.step(0.01);
    // v = 0.9·[0.6, 0.8] + [-0.3 + 0.094, -0.208] = [0.334, 0.512]
    expect(numbers(p)).toEqual(close(0.94 - 0.00334, -2.08 - 0.00512));
    expect(numbers(optimizer.stateDict().get("p")!)).toEqual(close(0.334, 0.512));
  });

  it("clears gradients after each step and leaves parameters without one alone", () => {
    const [p, q] = [leaf(1), leaf(1)];
    const optimizer = new Sgd(
      new Map([
        ["p", p],
        ["q", q],
      ]),
      { momentum: 0.9, weightDecay: 0.1 },
    );
    pull(p, 1);
    expect([...optimizer.gradients().keys()]).toEqual(["p"]);
    optimizer.step(0.1);
    expect(p.grad).toBeNull();
    expect([numbers(p), numbers(q)]).toEqual([close(0.89), [1]]);
    optimizer.step(0.1); // nothing has a gradient
    expect(numbers(p)).toEqual(close(0.89));
  });

  it("goes on the same after its state went into another one", () => {
    const options = { momentum: 0.9, weightDecay: 0 };
    const run = (steps: number, p: Tensor, optimizer: Sgd) => {
      for (let i = 0; i < steps; i++) {
        pull(p, 1);
        optimizer.step(0.1);
      }
    };
    const p = leaf(1);
    const first = new Sgd(new Map([["p", p]]), options);
    run(2, p, first);
    const q = leaf(numbers(p)[0]!);
    const second = new Sgd(new Map([["p", q]]), options);
    second.loadState(first.stateDict());
    run(2, p, first);
    run(2, q, second);
    expect(numbers(q)).toEqual(numbers(p));
    expect(() => second.loadState(new Map())).toThrow('lacks "p"');
  });

  it("frees what it made", () => {
    scope(() => {
      const p = leaf(1);
      const before = memoryFigures().tensors;
      const optimizer = scope(() => new Sgd(new Map([["p", p]]), { momentum: 0.9, weightDecay: 0 }));
      scope(() => pull(p, 1));
      optimizer.step(0.1);
      expect(memoryFigures().tensors).toBe(before + 1);
      optimizer.dispose();
      expect(memoryFigures().tensors).toBe(before);
    });
  });
});

describe("movingAverage_", () => {
  it("is decay·teacher + (1 - decay)·student, and leaves the student alone", () => {
    const teacher = new Map([
      ["a", leaf(1, 2).requireGrad(false)],
      ["b", leaf(8).requireGrad(false)],
    ]);
    const student = new Map([
      ["a", leaf(5, 0)],
      ["b", leaf(4)],
    ]);
    movingAverage_(teacher, student, 0.75);
    expect(numbers(teacher.get("a")!)).toEqual([2, 1.5]);
    expect(numbers(teacher.get("b")!)).toEqual([7]);
    expect(numbers(student.get("a")!)).toEqual([5, 0]);
  });
});
