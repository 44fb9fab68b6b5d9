import { noGrad } from "../engine/autograd.js";
import { cat, zeros } from "../engine/make-tensor.js";
import { unitLength } from "../engine/ops.js";
import { inFloat32 } from "../engine/precision.js";
import { keep, scope } from "../engine/scope.js";
import { takeVoxels } from "../engine/take-voxels.js";
import { call, callOwnMany, type Tensor } from "../engine/tensor.js";
import { voxelCrossEntropy } from "./cross-entropy.js";
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
   * features [B,K,...], labels [B,...] int64; sums are of float64
   * @throws NotFiniteError, the statistics as they were, for features that would spoil them for good; Error for labels that
   *   are no classes
   */
  update(features: Tensor, labels: Tensor): void {
    inFloat32(() => noGrad(() => scope(() => this.#merge(features.detach(), labels))));
  }

  #merge(x: Tensor, labels: Tensor): void {
    const [b, k] = x.shape as [number, number];
    const [added, mean, variance] = callOwnMany(
      "class_moments",
      x.reshape([b, k, -1]),
      labels.reshape([b, -1]),
      this.classes,
    ) as [Tensor, Tensor, Tensor];
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

export interface PrototypeContrastOptions {
  readonly temperature: number;
  /** A class that takes no part, or null; the published run leaves out the background, 0. */
  readonly ignoreClass: number | null;
}

/**
 * Prototype-aware contrast: cross-entropy of logits_c = (f·mean_c + f²·var_c/(2τ))/τ to the class, plus
 * ½ mean_n(f²·var_label)/τ²; rows, means and variances of unit length. Null where no row is left.
 * features [B,K,...], labels [B,...] int64. Source: arXiv 2111.10989, eq. 12; Li et al. 2021 (SDCA).
 */
export function prototypeContrast(
  features: Tensor,
  labels: Tensor,
  { mean, variance }: { mean: Tensor; variance: Tensor },
  { temperature, ignoreClass }: PrototypeContrastOptions,
): Tensor | null {
  const chosen = withoutClass(features, labels, ignoreClass);
  if (!chosen) return null;
  const x = chosen.x.dtype === "bfloat16" ? chosen.x.to("float32") : chosen.x;
  return inFloat32(() => {
    const [m, v] = [unitLength(mean, 1), unitLength(variance, 1)];
    // products first, lengths after: voxels have many channels and few classes
    const dot = overVoxels(m, x);
    const products = overVoxels(cat([v, call("ones_like", "", v.slice(0, 0, 1))], 0), x.square());
    const [squares, length2] = products.split([m.shape[0]!, 1], 1) as [Tensor, Tensor];
    const divisor = length2.clamp(1e-24);
    const bySquares = squares.div(divisor);
    const logits = dot
      .div(divisor.sqrt())
      .add(bySquares.div(2 * temperature))
      .div(temperature);
    const spread = call("gather", "", bySquares, 1, chosen.labels.unsqueeze(1)).mean();
    return voxelCrossEntropy(logits, chosen.labels).add(spread.div(2 * temperature ** 2));
  });
}

/** The voxels of all other classes: x [1,K,N] or [B,K,V], labels alike; null where there are none. */
function withoutClass(features: Tensor, labels: Tensor, ignoreClass: number | null) {
  const [b, k] = features.shape as [number, number];
  if (ignoreClass === null) return { x: features.reshape([b, k, -1]), labels: labels.reshape([b, -1]) };
  const flat = labels.reshape([-1]);
  const voxels = call("nonzero", "", call("ne", "Scalar", flat, ignoreClass)).reshape([-1]);
  if (voxels.shape[0] === 0) return null;
  return {
    x: takeVoxels(features, voxels).unsqueeze(0),
    labels: flat.indexSelect(0, voxels).unsqueeze(0),
  };
}

/** weights [C,K], x [B,K,V] -> [B,C,V] */
const overVoxels = (weights: Tensor, x: Tensor): Tensor =>
  weights
    .unsqueeze(0)
    .expand([x.shape[0]!, ...weights.shape])
    .bmm(x);
