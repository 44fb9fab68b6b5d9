import { describe, expect, it } from "vitest";
import { noGrad } from "./autograd.js";
import { randn } from "./make-tensor.js";
import { conv3d, conv3dSame } from "./ops.js";
import { seedGenerators } from "./random.js";
import { scope } from "./scope.js";
import type { Tensor } from "./tensor.js";

/** Largest difference relative to the largest value. */
function relativeDifference(a: Tensor, b: Tensor): number {
  const [x, y] = [a.toFloat32Array(), b.toFloat32Array()];
  const largest = y.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  return x.reduce((max, v, i) => Math.max(max, Math.abs(v - y[i]!)), 0) / largest;
}

/** in, out, D, H, W: rows of one and of several vectors, blocks of several planes, one input channel, odd depths */
const sizes = [
  [1, 16, 5, 9, 8],
  [3, 4, 3, 40, 16],
  [8, 12, 7, 8, 8],
  [2, 8, 2, 70, 24],
  [4, 6, 4, 4, 8],
  [4, 4, 4, 4, 4],
] as const;

it("leaves a kernel of another size to libtorch, gradient and all", () => {
  scope(() => {
    seedGenerators(3);
    const [x, bias] = [randn([1, 4, 8, 8, 8]), randn([4])];
    const weight = randn([4, 4, 5, 5, 5]).requireGrad();
    conv3dSame(x, weight, bias).square().sum().backward();
    const other = weight.detach().requireGrad();
    conv3d(x, other, bias, [1, 1, 1], [1, 1, 1]).square().sum().backward();
    expect(relativeDifference(weight.grad!, other.grad!)).toBeLessThan(1e-5);
  });
});

describe("conv3dSame agrees with libtorch's convolution", () => {
  it.each([...sizes, [16, 16, 4, 6, 6], [64, 64, 2, 2, 2]] as const)(
    "for one image without gradients, %i -> %i channels of %ix%ix%i",
    (inputs, outputs, d, h, w) => {
      scope(() => {
        seedGenerators(2);
        const [x, weight, bias] = [
          randn([1, inputs, h, d, w]),
          randn([outputs, inputs, 3, 3, 3]),
          randn([outputs]),
        ];
        const turned = x.transpose(2, 3);
        const ours = noGrad(() => conv3dSame(turned, weight, bias));
        expect(ours.shape).toEqual([1, outputs, d, h, w]);
        expect(
          relativeDifference(
            ours,
            noGrad(() => conv3d(turned, weight, bias, 1, 1)),
          ),
        ).toBeLessThan(1e-5);
      });
    },
  );

  const batches = sizes.flatMap((size) => [1, 2].map((batch) => [batch, ...size] as const));
  it.each(batches)(
    "in its gradients, %i of %i -> %i channels of %ix%ix%i",
    (batch, inputs, outputs, d, h, w) => {
      scope(() => {
        seedGenerators(1);
        const x = randn([batch, inputs, d, h, w]);
        const weight = randn([outputs, inputs, 3, 3, 3]);
        const bias = randn([outputs]);
        const upstream = randn([batch, outputs, d, h, w]);
        const gradients = (convolve: (x: Tensor, w: Tensor, b: Tensor) => Tensor) => {
          const leaves = [x, weight, bias].map((tensor) => tensor.clone().requireGrad());
          convolve(leaves[0]!, leaves[1]!, leaves[2]!).mul(upstream).sum().backward();
          return leaves.map((leaf) => leaf.grad!);
        };
        const ours = gradients(conv3dSame);
        const theirs = gradients((a, b, c) => conv3d(a, b, c, 1, 1));
        for (const [i, gradient] of ours.entries()) {
          expect(relativeDifference(gradient, theirs[i]!)).toBeLessThan(1e-5);
        }
      });
    },
  );
});
