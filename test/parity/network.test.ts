import { expect, it } from "vitest";
import { fromArray, randn } from "../../src/engine/make-tensor.js";
import { seedGenerators } from "../../src/engine/random.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { moments } from "../../src/models/stochastic-head.js";
import { describeGolden, expectClose, relativeError } from "./golden.js";
import { networkLike } from "./golden-network.js";

/** mean(logit_mean²) + mean(features · linspace(-1, 1, channels)) */
function referenceLoss(meanLogits: Tensor, features: Tensor): Tensor {
  const k = features.shape[1]!;
  const ramp = Float32Array.from({ length: k }, (_, i) => -1 + (2 * i) / (k - 1));
  return meanLogits
    .square()
    .mean()
    .add(features.mul(fromArray(ramp, [1, k, 1, 1, 1])).mean());
}

describeGolden("network", (golden) => {
  const network = networkLike(golden, "state");
  const image = golden.tensor("image");
  const region = golden.tensor("mask").to("float32").unsqueeze(1);

  it("has the published state names", () => {
    expect([...network.stateDict().keys()].sort()).toEqual([...golden.state("state").keys()].sort());
  });

  it("agrees in training mode: outputs, running statistics, loss", () => {
    const z = network.train().embed(image);
    const meanLogits = network.meanLogits(z);
    const features = network.features(z);
    expectClose(meanLogits, golden, "train.logit_mean", 1e-4);
    expectClose(features, golden, "train.features", 1e-4);
    expectClose(referenceLoss(meanLogits, features), golden, "train.loss", 1e-5);
    const buffers = network.buffers();
    for (const name of golden.names("train.after.")) {
      expectClose(buffers.get(name.slice("train.after.".length))!, golden, name, 1e-5);
    }
  });

  it("agrees in evaluation mode, with the distribution of logits", () => {
    const z = network.evaluate().embed(image);
    const distribution = moments(network.distribution(z, region));
    expectClose(distribution.mean, golden, "eval.logit_mean", 1e-4);
    expectClose(distribution.diagonal, golden, "eval.cov_diag", 1e-4);
    expectClose(distribution.factor, golden, "eval.cov_factor", 1e-4);
    expectClose(network.features(z), golden, "eval.features", 1e-4);
  });

  // Last: its forward passes move the running statistics. One ReLU input within rounding of zero moves the gradients
  // by parts in a thousand and differs between processors, so inputs that differ by rounding (1e-7) count as the same; they alone
  // move deep gradients by 1.5e-4.
  it("agrees in its gradients", () => {
    seedGenerators(0);
    const sizes = [0, ...Array<number>(23).fill(1e-7)];
    const errors = sizes.map((size) => gradientErrors(image.add(randn(image.shape), size)));
    for (const name of golden.names("train.grad.")) {
      expect(Math.min(...errors.map((error) => error.get(name)!)), name).toBeLessThan(3e-4);
    }
  });

  function gradientErrors(input: Tensor): Map<string, number> {
    const parameters = network.train().parameters();
    const z = network.embed(input);
    referenceLoss(network.meanLogits(z), network.features(z)).backward();
    const names = golden.names("train.grad.");
    const scale = names
      .flatMap((name) => golden.values(name))
      .reduce((max, g) => Math.max(max, Math.abs(g)), 0);
    const errors = names.map((name): [string, number] => {
      const actual = parameters.get(name.slice("train.grad.".length))!.grad!.toFloat32Array();
      const expected = golden.values(name);
      // gradients that normalization makes zero are rounding on both sides
      if (expected.every((g) => Math.abs(g) < 1e-6 * scale)) {
        return [name, relativeError([...actual, scale], [...expected, scale])];
      }
      return [name, relativeError(actual, expected)];
    });
    for (const parameter of parameters.values()) parameter.clearGrad();
    return new Map(errors);
  }
});
