import type { Tensor } from "../engine/tensor.js";
import { voxelCrossEntropy } from "../losses/cross-entropy.js";
import { diceLoss } from "../losses/dice.js";
import type { LossTerms, PatchBatch } from "./method.js";
import { NetworkMethod } from "./network-method.js";

/** ½ (mean cross-entropy + Dice) on mean logits [B,C,D,H,W], target [B,D,H,W] int64. Source: Yu et al. 2019. */
export const supervisedLoss = (meanLogits: Tensor, target: Tensor): Tensor =>
  voxelCrossEntropy(meanLogits, target).add(diceLoss(meanLogits, target)).mul(0.5);

/** The baseline: labeled patches only. */
export class Supervised extends NetworkMethod {
  losses(batch: PatchBatch): LossTerms {
    const meanLogits = this.network.meanLogits(this.network.embed(batch.images));
    return { supervised: { value: supervisedLoss(meanLogits, batch.labels), weight: 1 } };
  }
}
