import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { probabilityDifference } from "../losses/consistency.js";
import type { AuxiliaryDecoder } from "../models/decoder.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { sigmoidRampUp } from "../nn/schedule.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";
import { supervisedLoss } from "./supervised.js";

export interface McNetOptions {
  /** Of the mutual consistency, after the ramp. */
  readonly weight: number;
  readonly rampUp: number;
  /** Of the sharpening, below 1: the smaller, the nearer to 0 and 1. */
  readonly temperature: number;
}

/**
 * MC-Net+ (Wu et al. 2022): decoders that differ in how they upsample share an encoder; each must agree with the
 * sharpened probabilities of the others, on labeled and unlabeled patches. Prediction is the network's own decoder's.
 */
export class McNet implements Method {
  constructor(
    readonly network: SegmentationNetwork,
    readonly decoders: readonly AuxiliaryDecoder[],
    readonly options: McNetOptions,
  ) {}

  losses(batch: PatchBatch, iteration: number): LossTerms {
    const levels = this.network.encode(batch.images);
    const own = this.network.meanLogits(this.network.embedLevels(levels));
    const all = [own, ...this.decoders.map((decoder) => decoder.logits(levels))];
    const labeled = (logits: Tensor) => logits.slice(0, 0, batch.labeled);
    const supervised = scope(() =>
      meanOf(all.map((logits) => supervisedLoss(labeled(logits), batch.labels))),
    );
    const { weight, rampUp, temperature } = this.options;
    return {
      supervised: { value: supervised, weight: 1 },
      ...(weight > 0 && {
        consistency: {
          value: scope(() => mutualConsistency(all, temperature)),
          weight: weight * sigmoidRampUp(iteration, rampUp),
        },
      }),
    };
  }
  parameters(): StateDict {
    return new Map([...this.network.parameters(), ...this.#auxiliary((decoder) => decoder.parameters())]);
  }
  afterStep(): void {}
  state(): StateDict {
    return new Map([
      ...under("network", this.network.stateDict()),
      ...this.#auxiliary((decoder) => decoder.stateDict()),
    ]);
  }
  dispose(): void {
    this.network.dispose();
    for (const decoder of this.decoders) decoder.dispose();
  }

  #auxiliary(stateOf: (decoder: AuxiliaryDecoder) => StateDict): [string, Tensor][] {
    return this.decoders.flatMap((decoder, i) => under(`decoder${i + 1}`, stateOf(decoder)));
  }
}

const meanOf = (values: readonly Tensor[]): Tensor =>
  values.reduce((sum, value) => sum.add(value)).div(values.length);

/**
 * Mean squared difference between each decoder's probabilities and the sharpened ones of each other, over all ordered
 * pairs. Sharpened: to the power of 1/T and normalized again, which is softmax(logits / T). logits [B,C,D,H,W] each.
 */
export function mutualConsistency(logits: readonly Tensor[], temperature: number): Tensor {
  const targets = logits.map((one) => one.detach().div(temperature));
  return meanOf(
    logits.flatMap((one, i) =>
      targets.filter((_, j) => j !== i).map((target) => probabilityDifference(one, target)),
    ),
  );
}
