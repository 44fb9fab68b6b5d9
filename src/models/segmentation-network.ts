import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { Conv3d, type Dimensions, headsOfRelu } from "../nn/layers.js";
import type { Normalization } from "../nn/norm.js";
import { ProjectionHead } from "./projection-head.js";
import { type LogitDistribution, logitDistribution } from "./stochastic-head.js";
import { VNet } from "./vnet.js";

export interface NetworkOptions {
  readonly inChannels?: number;
  readonly classes: number;
  readonly filters: number;
  /** Rank of the logits' covariance. */
  readonly rank: number;
  readonly normalization: Normalization;
  readonly dropout: number;
  readonly device: string;
  /** Levels of features that training finds again instead of keeping, from the finest; left out: 0. */
  readonly recomputeLevels?: number;
  /** 2: every slice by itself; absent: 3. */
  readonly dimensions?: Dimensions;
}

/**
 * V-Net with the two heads of AUA on its embedding z (arXiv 2111.10989, section 3): the stochastic head predicts
 * a distribution of logits, the projection head features to contrast. Each head runs only when asked for.
 */
export class SegmentationNetwork extends VNet {
  readonly #projection: ProjectionHead;
  readonly #mean: Conv3d;
  readonly #logDiagonal: Conv3d;
  readonly #factor: Conv3d;

  constructor(readonly options: NetworkOptions) {
    super({ ...options, inChannels: options.inChannels ?? 1 });
    const { filters, classes, rank, device } = options;
    this.#projection = this.child("head", new ProjectionHead(filters, device));
    this.#mean = this.child("mean_l", new Conv3d(filters, classes, 1, device));
    this.#logDiagonal = this.child("log_cov_diag_l", new Conv3d(filters, classes, 1, device));
    this.#factor = this.child("cov_factor_l", new Conv3d(filters, classes * rank, 1, device));
  }

  /** image [B,I,D,H,W] -> embedding z [B,K,D,H,W] */
  embed(image: Tensor): Tensor {
    return scope(() => this.forward(image));
  }
  /** image [B,I,D,H,W] -> the encoder's five levels of features, the finest first */
  encode(image: Tensor): Tensor[] {
    return scope(() => this.levels(image));
  }
  /** The encoder's levels -> embedding z [B,K,D,H,W] */
  embedLevels(levels: readonly Tensor[]): Tensor {
    return scope(() => this.decode(levels));
  }
  /** z -> the prediction: mean logits [B,C,D,H,W], float32 */
  meanLogits(z: Tensor): Tensor {
    return scope(() => headsOfRelu([this.#mean], z).to("float32"));
  }
  /** z, region [B,1,D,H,W] or null -> distribution of logits */
  distribution(z: Tensor, region: Tensor | null): LogitDistribution {
    return scope(() => {
      const outputs = headsOfRelu([this.#mean, this.#logDiagonal, this.#factor], z);
      return logitDistribution(outputs, this.options.classes, region);
    });
  }
  /** z -> features of unit length [B,K,D,H,W], float32 */
  features(z: Tensor): Tensor {
    return scope(() => this.#projection.forward(z));
  }
}
