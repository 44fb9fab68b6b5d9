import { expect, it } from "vitest";
import { fromArray, randn } from "../../src/engine/make-tensor.js";
import { seedGenerators } from "../../src/engine/random.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { moments } from "../../src/models/stochastic-head.js";
import { describeGolden, expectClose, largest, movedByRounding, relativeError } from "./golden.js";
import { networkLike } from "./golden-network.js";

/** mean(logit_mean²) + mean(features · linspace(-1, 1, channels)) */
function referenceLoss(meanLogits: Tensor, features: Tensor): Tensor {
  const k = features.shape[1]!;
  const ramp = Float32Array.from({ length: k }, (_, i) => -1 + (2 * i) / Math.max(k - 1, 1));
  return meanLogits
    .square()
    .mean()
    .add(features.mul(fromArray(ramp, [1, k, 1, 1, 1])).mean());
}

/** Relative error of gradients that go through the same ReLUs. */
const SAME = 3e-4;

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
  it("agrees in its gradients", { timeout: 600_000 }, () => {
    seedGenerators(0);
    const names = golden.names("train.grad.");
    expect(names.length).toBeGreaterThan(0);
    const found = new Map(names.map((name) => [name, [] as Float32Array[]]));
    const errors = () => names.map((name) => [name, gradientError(found.get(name)!, name)] as const);
    for (let draw = 0; draw < 24; draw++) {
      const size = draw === 0 ? 0 : 1e-7;
      for (const [name, gradient] of gradientsOf(image.add(randn(image.shape), size)))
        found.get(name)!.push(gradient);
      if (errors().every(([, error]) => error < SAME)) return;
    }
    for (const [name, error] of errors())
      expect(error, name).toBeLessThan(Math.max(SAME, movedByRounding(found.get(name)!)));
  });

  /** Of the nearest of our gradients. */
  function gradientError(ours: readonly Float32Array[], name: string): number {
    const scale = largest(golden.names("train.grad.").flatMap((other) => golden.values(other)));
    const expected = golden.values(name);
    // gradients that normalization makes zero are rounding on both sides
    const isZero = largest(expected) < 1e-6 * scale;
    const beside = isZero ? [scale] : [];
    return Math.min(
      ...ours.map((gradient) => relativeError([...gradient, ...beside], [...expected, ...beside])),
    );
  }

  function gradientsOf(input: Tensor): [string, Float32Array][] {
    const parameters = network.train().parameters();
    const z = network.embed(input);
    referenceLoss(network.meanLogits(z), network.features(z)).backward();
    const gradients = golden.names("train.grad.").map((name): [string, Float32Array] => {
      return [name, parameters.get(name.slice("train.grad.".length))!.grad!.toFloat32Array()];
    });
    for (const parameter of parameters.values()) parameter.clearGrad();
    return gradients;
  }
});
