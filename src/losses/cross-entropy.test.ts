import { expect, it } from "vitest";
import { expectGradient, wave } from "../engine/finite-differences.testing.js";
import { fromArray } from "../engine/make-tensor.js";
import { crossEntropy } from "../engine/ops.js";
import { voxelCrossEntropy } from "./cross-entropy.js";

it("is libtorch's cross-entropy, and agrees with finite differences", () => {
  const shape = [2, 3, 2, 5];
  const target = fromArray(
    BigInt64Array.from({ length: 20 }, (_, i) => BigInt(i % 3)),
    [2, 2, 5],
  );
  const logits = fromArray(Float32Array.from(wave(60)), shape);
  expect(voxelCrossEntropy(logits, target).item()).toBeCloseTo(crossEntropy(logits, target).item(), 6);
  expectGradient((x) => voxelCrossEntropy(x, target), shape, wave(60));
});

it("refuses a label that is no class, as libtorch's does", () => {
  const [logits, target] = [
    fromArray(new Float32Array(4), [1, 2, 2]),
    fromArray(BigInt64Array.of(0n, 7n), [1, 2]),
  ];
  expect(() => crossEntropy(logits, target)).toThrow("Target 7 is out of bounds");
  expect(() => voxelCrossEntropy(logits, target)).toThrow("label 7 is no class; expected 0 to 1");
});
