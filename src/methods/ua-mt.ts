import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { MeanTeacher, type MeanTeacherOptions } from "./mean-teacher.js";
import { confidentVoxels } from "./uncertainty-mask.js";

export interface UaMtOptions extends MeanTeacherOptions {
  /** Noisy passes of the teacher, with dropout, whose mean the entropy is of. */
  readonly passes: number;
}

/**
 * Uncertainty-aware mean teacher (Yu et al. 2019): a mean teacher whose consistency counts only the voxels that the
 * teacher is sure of, by a threshold that rises with the ramp.
 */
export class UaMt extends MeanTeacher {
  readonly #passes: number;

  constructor(network: SegmentationNetwork, teacher: SegmentationNetwork, options: UaMtOptions) {
    super(network, teacher, options);
    this.#passes = options.passes;
  }

  protected override kept(images: Tensor, iteration: number): Tensor {
    return confidentVoxels(
      this.teacher,
      images,
      { teacherNoise: (x) => this.noise(x) },
      { iteration, length: this.options.rampUp, passes: this.#passes },
    );
  }
}
