import { scope } from "../engine/scope.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { boxMask, pasted, rows } from "./copy-paste.js";
import type { LossTerms, PatchBatch } from "./method.js";
import { NetworkMethod } from "./network-method.js";
import { supervisedLoss } from "./supervised.js";

export interface BcpPretrainingOptions {
  /** Share of each extent that the pasted box takes. */
  readonly box: number;
}

/** What comes before bidirectional copy-paste: labeled patches with a box of another labeled patch in them. */
export class BcpPretraining extends NetworkMethod {
  constructor(
    network: SegmentationNetwork,
    readonly options: BcpPretrainingOptions,
  ) {
    super(network);
  }

  /** The first half of the patches gets boxes of the second; of an odd number the last gets one of the first. */
  losses(batch: PatchBatch): LossTerms {
    const n = batch.labeled;
    const receivers = Array.from({ length: Math.ceil(n / 2) }, (_, i) => i);
    const givers = receivers.map((i) => (i + Math.ceil(n / 2)) % n);
    const mask = boxMask(batch.images.shape, this.options.box, batch.images.device);
    const images = pasted(rows(batch.images, receivers), rows(batch.images, givers), mask);
    const labels = pasted(rows(batch.labels, receivers), rows(batch.labels, givers), mask.squeeze(1));
    const logits = this.network.meanLogits(this.network.embed(images));
    return { supervised: { value: scope(() => supervisedLoss(logits, labels)), weight: 1 } };
  }
}
