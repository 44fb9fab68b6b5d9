import { noGrad } from "../engine/autograd.js";
import { crossEntropy, oneHot, unitLength } from "../engine/ops.js";
import { inFloat32 } from "../engine/precision.js";
import { keep, scope } from "../engine/scope.js";
import { call, type Tensor, zeros } from "../engine/tensor.js";
import { NotFiniteError } from "./not-finite.js";

/**
 * Running count, mean and per-channel variance of each class's features, merged batch by batch with the
 * parallel-variance formula (Chan et al. 1979). Source: arXiv 2111.10989, eq. 13; its covariance is full, the published
 * code's and ours diagonal.
 */
export class PrototypeEstimator {
  /** [C,K] */
  readonly mean: Tensor;
  /** [C,K] */
  readonly variance: Tensor;
  /** Features seen of each class, [C]. */
  readonly count: Tensor;

  constructor(
    readonly classes: number,
    readonly channels: number,
    readonly device: string,
  ) {
    this.mean = keep(zeros([classes, channels], { device }));
    this.variance = keep(zeros([classes, channels], { device }));
    this.count = keep(zeros([classes], { device }));
  }

  /**
   * features [N,K], labels [N] int64; in float32 always, sums over all voxels need it
   * @throws NotFiniteError, the statistics as they were, for features that would spoil them for good
   */
  update(features: Tensor, labels: Tensor): void {
    inFloat32(() => noGrad(() => scope(() => this.#merge(features.detach(), labels))));
  }

  #merge(x: Tensor, labels: Tensor): void {
    const member = oneHot(labels, this.classes); // [N,C]
    const added = member.sum([0]);
    const divisor = added.clamp(1).unsqueeze(1);
    const byClass = member.transpose(0, 1);
    const mean = byClass.matmul(x).div(divisor);
    const variance = classVariance(x, byClass, mean, divisor);
    if (!mean.add(variance).isFinite().all().item()) throw new NotFiniteError("features");
    const weight = added.div(added.add(this.count).clamp(1)).unsqueeze(1);
    const difference = this.mean.sub(mean);
    const rest = weight.neg().add(1);
    const spread = weight.mul(rest).mul(difference.square());
    this.variance.copy_(this.variance.mul(rest).add(variance.mul(weight)).add(spread));
    this.mean.copy_(this.mean.mul(rest).add(mean.mul(weight)));
    this.count.add_(added);
  }

  stateDict(): Map<string, Tensor> {
    return new Map([
      ["mean", this.mean],
      ["variance", this.variance],
      ["count", this.count],
    ]);
  }

  /** Copies saved statistics. @throws Error naming one that is missing. */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    for (const [name, tensor] of this.stateDict()) {
      const saved = state.get(name);
      if (!saved) throw new Error(`PrototypeEstimator: the state lacks "${name}"`);
      tensor.copy_(saved);
    }
  }

  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }
}

/** mean of (x - mean of its class)², [C,K]; differences first, so that large means cost no digits */
function classVariance(x: Tensor, byClass: Tensor, mean: Tensor, divisor: Tensor): Tensor {
  const ownMean = byClass.transpose(0, 1).matmul(mean);
  return byClass.matmul(x.sub(ownMean).square()).div(divisor);
}

export interface PrototypeContrastOptions {
  readonly temperature: number;
  /** A class that takes no part, or null; the published run leaves out the background, 0. */
  readonly ignoreClass: number | null;
}

/**
 * Prototype-aware contrast: cross-entropy of logits_c = (f·mean_c + f²·var_c/(2τ))/τ to the class, plus
 * ½ mean_n(f²·var_label)/τ²; rows, means and variances of unit length. Null where no row is left.
 * features [N,K], labels [N] int64. Source: arXiv 2111.10989, eq. 12; Li et al. 2021 (SDCA).
 */
export function prototypeContrast(
  features: Tensor,
  labels: Tensor,
  { mean, variance }: { mean: Tensor; variance: Tensor },
  { temperature, ignoreClass }: PrototypeContrastOptions,
): Tensor | null {
  const taking =
    ignoreClass === null
      ? null
      : call("nonzero", "", call("ne", "Scalar", labels, ignoreClass)).reshape([-1]);
  if (taking?.shape[0] === 0) return null;
  const f = unitLength(taking ? features.indexSelect(0, taking) : features, 1);
  const target = taking ? labels.indexSelect(0, taking) : labels;
  const [m, v] = [unitLength(mean, 1), unitLength(variance, 1)];
  const squares = f.square();
  const logits = inFloat32(() =>
    f
      .matmul(m.transpose(0, 1))
      .add(squares.matmul(v.transpose(0, 1)).div(2 * temperature))
      .div(temperature),
  );
  const spread = squares.mul(v.indexSelect(0, target)).sum([1]).mean();
  return crossEntropy(logits, target).add(spread.div(2 * temperature ** 2));
}
