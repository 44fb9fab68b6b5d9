import { sampleLogits as samplesOf } from "../engine/ops.js";
import { callOwnMany, ones, randn, type Tensor } from "../engine/tensor.js";

/**
 * A low-rank normal distribution over the logits of all voxels (stochastic segmentation networks, Monteiro et al.
 * 2020): mean [B,C,D,H,W], diagonal [B,C,D,H,W], factor [B,R·C,D,H,W] with the rank slowest.
 */
export interface LogitDistribution {
  readonly mean: Tensor;
  readonly diagonal: Tensor;
  readonly factor: Tensor;
}

/**
 * The distribution from the head's outputs [B,C·(2+R),D,H,W]: mean, logarithm of the diagonal, factor. Outside the region
 * (air, padding) there is nothing to doubt: factor 0, diagonal 1e-5. Inside, the published code adds 1e-5 before and
 * after the mask, and so do we. region [B,1,D,H,W] of 0 and 1, or null for everywhere. The result is float32.
 */
export function logitDistribution(
  outputs: Tensor,
  classes: number,
  region: Tensor | null,
): LogitDistribution {
  const [b, , ...space] = outputs.shape;
  const inside = region ?? ones([b!, 1, ...space], { device: outputs.device });
  const [mean, diagonal, factor] = callOwnMany("logit_distribution", outputs, inside, classes);
  return { mean: mean!, diagonal: diagonal!, factor: factor! };
}

/** Standard normal draws behind samples: factor [B,S/2,R], diagonal [B,S/2,C·V]. */
export interface Noise {
  readonly factor: Tensor;
  readonly diagonal: Tensor;
}

export function drawNoise(distribution: LogitDistribution, samples: number): Noise {
  const [b, c, d, h, w] = distribution.mean.shape as [number, number, number, number, number];
  const rank = distribution.factor.shape[1]! / c;
  const device = distribution.mean.device;
  return {
    factor: randn([b, samples / 2, rank], { device }),
    diagonal: randn([b, samples / 2, c * d * h * w], { device }),
  };
}

/**
 * Antithetic samples mean ± (factor·ε_R + sqrt(diagonal)·ε_V), the plus half first: [B,S,C,V] with V = D·H·W.
 * Source: Monteiro et al. 2020, eq. 5; the pairs are the published implementation's.
 */
export function sampleLogits(distribution: LogitDistribution, noise: Noise): Tensor {
  const { mean, diagonal, factor } = distribution;
  return samplesOf(mean, diagonal, factor, noise.factor, noise.diagonal);
}
