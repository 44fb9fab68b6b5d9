import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { probabilityDifference } from "../losses/consistency.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { sigmoidRampUp } from "../nn/schedule.js";
import type { LossTerms, PatchBatch } from "./method.js";
import { supervisedLoss } from "./supervised.js";
import { clippedNoise, TeacherMethod } from "./teacher-method.js";

export interface MeanTeacherOptions {
  /** Of the consistency, after the ramp. */
  readonly weight: number;
  /** Iterations until the full weight. */
  readonly rampUp: number;
  readonly emaDecay: number;
  /** Standard deviation of the noise on the teacher's images, clipped at twice itself. */
  readonly noise: number;
}

/**
 * Mean teacher (Tarvainen & Valpola 2017) for segmentation: the student's probabilities on unlabeled patches shall be
 * those that the teacher gives the same patches under noise.
 */
export class MeanTeacher extends TeacherMethod {
  constructor(
    network: SegmentationNetwork,
    teacher: SegmentationNetwork,
    readonly options: MeanTeacherOptions,
  ) {
    super(network, teacher, options.emaDecay);
  }

  losses(batch: PatchBatch, iteration: number): LossTerms {
    const b = batch.images.shape[0]!;
    const n = batch.labeled;
    const logits = this.network.meanLogits(this.network.embed(batch.images));
    const terms: LossTerms = {
      supervised: { value: scope(() => supervisedLoss(logits.slice(0, 0, n), batch.labels)), weight: 1 },
    };
    if (b > n && this.options.weight > 0) {
      const images = batch.images.slice(0, n, b);
      const target = noGrad(() =>
        scope(() => this.teacher.meanLogits(this.teacher.embed(images.add(this.noise(images))))),
      );
      const kept = this.kept(images, iteration);
      terms.consistency = {
        value: scope(() => probabilityDifference(logits.slice(0, n, b), target, kept)),
        weight: this.options.weight * sigmoidRampUp(iteration, this.options.rampUp),
      };
    }
    return terms;
  }

  protected noise(images: Tensor): Tensor {
    return clippedNoise(this.options.noise)(images);
  }

  /** Voxels whose consistency counts, [B,1,D,H,W]; null: all. */
  protected kept(_images: Tensor, _iteration: number): Tensor | null {
    return null;
  }
}
