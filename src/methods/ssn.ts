import { scope } from "../engine/scope.js";
import { monteCarloLikelihoodLoss } from "../losses/monte-carlo-likelihood.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { drawNoise, sampleLogits } from "../models/stochastic-head.js";
import type { StateDict } from "../nn/module.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";

export interface SsnOptions {
  /** Samples of each predicted distribution, even. */
  readonly samples: number;
}

/**
 * Stochastic segmentation network (Monteiro et al. 2020): labeled patches only, trained by the likelihood of the label
 * map under samples of a low-rank normal distribution of logits.
 */
export class Ssn implements Method {
  constructor(
    readonly network: SegmentationNetwork,
    readonly options: SsnOptions,
  ) {}

  losses(batch: PatchBatch): LossTerms {
    const n = batch.labeled;
    const distribution = this.network.distribution(
      this.network.embed(batch.images.slice(0, 0, n)),
      batch.region.slice(0, 0, n),
    );
    const noise = drawNoise(distribution, this.options.samples);
    const value = scope(() =>
      monteCarloLikelihoodLoss(sampleLogits(distribution, noise), batch.labels.reshape([n, -1])),
    );
    return { likelihood: { value, weight: 1 } };
  }
  parameters(): StateDict {
    return this.network.parameters();
  }
  afterStep(): void {}
  state(): StateDict {
    return new Map(under("network", this.network.stateDict()));
  }
  dispose(): void {
    this.network.dispose();
  }
}
