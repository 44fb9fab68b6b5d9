import { crossEntropy } from "../engine/ops.js";
import type { Tensor } from "../engine/tensor.js";
import { diceLoss } from "../losses/dice.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";

/** ½ (mean cross-entropy + Dice) on mean logits [B,C,D,H,W], target [B,D,H,W] int64. Source: Yu et al. 2019. */
export const supervisedLoss = (meanLogits: Tensor, target: Tensor): Tensor =>
  crossEntropy(meanLogits, target).add(diceLoss(meanLogits, target)).mul(0.5);

/** The baseline: labeled patches only. */
export class Supervised implements Method {
  constructor(readonly network: SegmentationNetwork) {}

  losses(batch: PatchBatch): LossTerms {
    const meanLogits = this.network.meanLogits(this.network.embed(batch.images));
    return { supervised: { value: supervisedLoss(meanLogits, batch.labels), weight: 1 } };
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
