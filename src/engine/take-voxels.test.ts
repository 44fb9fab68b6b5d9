import { describe, expect, it } from "vitest";
import { expectGradient, wave } from "./finite-differences.testing.js";
import { fromArray } from "./make-tensor.js";
import { takeVoxels } from "./take-voxels.js";
import type { Tensor } from "./tensor.js";

const numbers = (x: Tensor) => [...x.toFloat32Array()];
const counting = (shape: number[]) =>
  fromArray(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i),
    shape,
  );
const voxels = (...list: number[]) => fromArray(BigInt64Array.from(list, BigInt), [list.length]);

describe("takeVoxels", () => {
  it("takes the vectors of voxels of any image, in the order asked for", () => {
    const x = counting([2, 3, 1, 2, 2]);
    const taken = takeVoxels(x, voxels(7, 0, 4));
    expect(taken.shape).toEqual([3, 3]);
    expect(numbers(taken.transpose(0, 1))).toEqual([15, 19, 23, 0, 4, 8, 12, 16, 20]);
    const half = takeVoxels(x.to("bfloat16"), voxels(7));
    expect([half.dtype, ...numbers(half)]).toEqual(["bfloat16", 15, 19, 23]);
  });

  it("sends gradients back where they were taken, twice taken both", () => {
    expectGradient(
      (x) =>
        takeVoxels(x, voxels(3, 1, 3))
          .square()
          .sum(),
      [2, 2, 2],
      wave(8),
    );
  });
});
