import { describe, expect, it } from "vitest";
import { noGrad } from "./autograd.js";
import { wave } from "./finite-differences.testing.js";
import { memoryFigures } from "./libtorch.js";
import { fromArray } from "./make-tensor.js";
import { Recomputation, recomputed } from "./recompute.js";
import { scope } from "./scope.js";
import type { Tensor } from "./tensor.js";

const leaf = (seed: number) => fromArray(Float64Array.from(wave(6, seed)), [6]).requireGrad();

/** Two segments in a row, the second of which also takes the first's output past what lies between them. */
function chained(x: Tensor, w: Tensor): Tensor {
  const first = recomputed([x], ([y]) => y!.mul(w).exp());
  const between = first.square();
  return recomputed([between, first], ([a, b]) => a!.mul(w).add(b!.mul(b!))).sum();
}

function gradients(run: (x: Tensor, w: Tensor) => void): number[][] {
  return scope(() => {
    const [x, w] = [leaf(1), leaf(2)];
    run(x, w);
    return [x, w].map((t) => [...t.grad!.to("float32").toFloat32Array()]);
  });
}

describe("segments", () => {
  it("give the gradients of the same pass without them", () => {
    const plain = gradients((x, w) => chained(x, w).backward());
    const ours = gradients((x, w) => {
      const pass = new Recomputation();
      pass.backward(pass.run(() => chained(x, w)));
    });
    for (const [i, expected] of plain.entries())
      for (const [j, value] of expected.entries()) expect(ours[i]![j]).toBeCloseTo(value, 5);
  });

  it("run once forward, once more backward, and not at all for gradients that nobody wants", () => {
    scope(() => {
      let runs = 0;
      const counted = (x: Tensor) =>
        recomputed([x], ([y]) => {
          runs++;
          return y!.exp();
        }).sum();
      const pass = new Recomputation();
      const loss = pass.run(() => counted(leaf(1)));
      expect(runs).toBe(1);
      pass.backward(loss);
      expect(runs).toBe(2);
      noGrad(() => pass.run(() => counted(leaf(1))));
      pass.dispose();
      expect(runs).toBe(3);
    });
  });

  it("leave nothing behind, after a backward pass and without one", () => {
    scope(() => {
      const [x, w] = [leaf(1), leaf(2)];
      const before = memoryFigures().tensors;
      scope(() => {
        const pass = new Recomputation();
        pass.backward(pass.run(() => chained(x, w)));
        const dropped = new Recomputation();
        dropped.run(() => chained(x, w));
        dropped.dispose();
      });
      expect(memoryFigures().tensors).toBe(before);
    });
  });
});
