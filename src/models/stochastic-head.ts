import { ones, randn } from "../engine/make-tensor.js";
import { inFloat32 } from "../engine/precision.js";
import { callOwnMany, type Tensor } from "../engine/tensor.js";

/**
 * A low-rank normal distribution over the logits of all voxels (stochastic segmentation networks, Monteiro et al.
 * 2020), as the head gives it: outputs [B,C·(2+R),D,H,W] are mean, logarithm of the diagonal, and factor with the rank
 * slowest. Outside the region [B,1,D,H,W] (air, padding; 0 there, 1 inside) there is nothing to doubt: factor 0,
 * diagonal 1e-5. Inside, the published code adds 1e-5 before and after the mask, and so do we.
 */
export interface LogitDistribution {
  readonly outputs: Tensor;
  readonly region: Tensor;
  readonly classes: number;
}

/** `region` null is everywhere. */
export function logitDistribution(
  outputs: Tensor,
  classes: number,
  region: Tensor | null,
): LogitDistribution {
  const [b, , ...space] = outputs.shape;
  return { outputs, classes, region: region ?? ones([b!, 1, ...space], { device: outputs.device }) };
}

/** What a distribution consists of, float32: mean and diagonal [B,C,D,H,W], factor [B,R·C,D,H,W]. */
export function moments({ outputs, region, classes }: LogitDistribution) {
  const x = outputs.to("float32");
  const all = x.shape[1]!;
  return {
    mean: x.slice(1, 0, classes),
    diagonal: x
      .slice(1, classes, 2 * classes)
      .exp()
      .add(1e-5)
      .mul(region)
      .add(1e-5),
    factor: x.slice(1, 2 * classes, all).mul(region),
  };
}

/** Standard normal draws behind samples: factor [B,S/2,R], diagonal [B,S/2,C·V]. */
export interface Noise {
  readonly factor: Tensor;
  readonly diagonal: Tensor;
}

/** Noise for that many samples, in pairs: [B,S/2,R] and [B,S/2,C·V]. @throws Error for an odd number */
export function drawNoise({ outputs, classes }: LogitDistribution, samples: number): Noise {
  const [b, channels, ...space] = outputs.shape as [number, number, ...number[]];
  const voxels = space.reduce((product, n) => product * n, 1);
  const { device } = outputs;
  return {
    factor: randn([b, samples / 2, channels / classes - 2], { device }),
    diagonal: randn([b, samples / 2, classes * voxels], { device }),
  };
}

/**
 * The mean [B,C,D,H,W] and antithetic samples mean ± (factor·ε_R + sqrt(diagonal)·ε_V), the plus half first: [B,S,C,V]
 * with V = D·H·W, all float32. Source: Monteiro et al. 2020, eq. 5; the pairs are the published implementation's.
 */
export function sampleLogits(
  { outputs, region, classes }: LogitDistribution,
  noise: Noise,
): { mean: Tensor; samples: Tensor } {
  // autocast would round the factor's part, which other devices than the CPU find by a matrix product
  const [mean, samples] = inFloat32(() =>
    callOwnMany("sample_logits", outputs, region, noise.factor, noise.diagonal, classes),
  );
  return { mean: mean!, samples: samples! };
}
