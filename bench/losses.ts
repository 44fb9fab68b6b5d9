import { memoryFigures, resetPeakMemory, trimMemory } from "#dist/engine/libtorch.js";
import { fromArray, randn } from "#dist/engine/make-tensor.js";
import { unitLength } from "#dist/engine/ops.js";
import { seedGenerators } from "#dist/engine/random.js";
import { scope } from "#dist/engine/scope.js";
import type { Tensor } from "#dist/engine/tensor.js";
import { supervisedContrast } from "#dist/losses/boundary-contrast.js";
import { energyDistance } from "#dist/losses/energy-distance.js";
import { monteCarloLikelihoodLoss } from "#dist/losses/monte-carlo-likelihood.js";
import { drawNoise, logitDistribution, sampleLogits } from "#dist/models/stochastic-head.js";
import type { Triple } from "#dist/volume/volume.js";
import { matmulPeakGflops } from "./matmul-peak.js";
import { medians } from "./measure.js";

export interface LossesOptions {
  readonly patch: Triple;
  readonly anchors: number;
  readonly samples: number;
  readonly classes: number;
  readonly repeats: number;
}

/** Megabytes that `body` needs at most beyond what is held before it. */
function extraMegabytes(body: () => void): number {
  trimMemory();
  const before = memoryFigures().bytes;
  resetPeakMemory();
  body();
  return (memoryFigures().peakBytes - before) / 1e6;
}

/** Each loss, forward and backward, in float32. */
export function benchLosses({ patch, anchors, samples, classes, repeats }: LossesOptions) {
  seedGenerators(0);
  const rank = 8;
  const features = unitLength(randn([anchors, 16]), 1).requireGrad();
  const classOf = fromArray(
    BigInt64Array.from({ length: anchors }, (_, i) => BigInt(i % classes)),
    [anchors],
  );
  const head = () => randn([2, classes * (2 + rank), ...patch]).requireGrad();
  const [student, teacher] = [head(), head()];
  const voxels = patch.reduce((product, n) => product * n, 1);
  const labels = randn([2, voxels]).lt(0).to("int64");
  const drawn = (outputs: Tensor) => {
    const distribution = logitDistribution(outputs, classes, null);
    return sampleLogits(distribution, drawNoise(distribution, samples)).samples;
  };
  const clear = () => {
    for (const tensor of [features, student, teacher]) tensor.clearGrad();
  };
  const contrast = () => {
    scope(() => supervisedContrast(features, classOf, 0.07).backward());
    clear();
  };
  const consistency = () => {
    scope(() => {
      const [ours, theirs] = [drawn(student), drawn(teacher).detach()];
      const grid = (x: Tensor, i: number) => x.select(0, i).reshape([samples, classes, ...patch]);
      const distances = [0, 1].map(
        (i) => energyDistance(grid(ours, i), grid(theirs, i), "class-dice").distance,
      );
      distances[0]!.add(distances[1]!).backward();
    });
    clear();
  };
  const likelihood = () => {
    scope(() => monteCarloLikelihoodLoss(drawn(student), labels).backward());
    clear();
  };
  const bodies = { contrast, consistency, likelihood };
  const seconds = medians(bodies, repeats);
  // products of all pairs' features: similarities in both passes, and the gradient
  const gflops = (3 * 2 * anchors ** 2 * features.shape[1]!) / seconds.contrast / 1e9;
  const matmulPeak = matmulPeakGflops("fp32");
  return {
    patch,
    anchors,
    samples,
    classes,
    contrastSeconds: seconds.contrast,
    contrastExtraMb: extraMegabytes(contrast),
    contrastGflops: gflops,
    matmulPeakGflops: matmulPeak,
    contrastShareOfPeak: gflops / matmulPeak,
    energyAndSamplingSeconds: seconds.consistency,
    energyAndSamplingExtraMb: extraMegabytes(consistency),
    likelihoodAndSamplingSeconds: seconds.likelihood,
  };
}
