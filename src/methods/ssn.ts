import { scope } from "../engine/scope.js";
import { monteCarloLikelihoodLoss } from "../losses/monte-carlo-likelihood.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { drawNoise, sampleLogits } from "../models/stochastic-head.js";
import type { LossTerms, PatchBatch } from "./method.js";
import { NetworkMethod } from "./network-method.js";

export interface SsnOptions {
  /** Samples of each predicted distribution, even. */
  readonly samples: number;
}

/**
 * Stochastic segmentation network (Monteiro et al. 2020): labeled patches only, trained by the likelihood of the label
 * map under samples of a low-rank normal distribution of logits.
 */
export class Ssn extends NetworkMethod {
  constructor(
    network: SegmentationNetwork,
    readonly options: SsnOptions,
  ) {
    super(network);
  }

  losses(batch: PatchBatch): LossTerms {
    const n = batch.labeled;
    const distribution = this.network.distribution(
      this.network.embed(batch.images.slice(0, 0, n)),
      batch.region.slice(0, 0, n),
    );
    const noise = drawNoise(distribution, this.options.samples);
    const value = scope(() =>
      monteCarloLikelihoodLoss(sampleLogits(distribution, noise).samples, batch.labels.reshape([n, -1])),
    );
    return { likelihood: { value, weight: 1 } };
  }
}
