import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { sigmoidRampUp } from "../nn/schedule.js";
import type { TeacherNoise } from "./teacher-method.js";

const PASSES = 8;

interface MaskOptions {
  readonly iteration: number;
  /** Iterations until the threshold is at its highest. */
  readonly length: number;
  readonly passes?: number;
}

/**
 * 1 where the teacher is sure: the entropy of its mean softmax over noisy passes (eight, where nothing else is said) is
 * under a threshold that rises from 0.75·ln C to ln C. images [B,1,D,H,W] -> [B,1,D,H,W]. Source: Yu et al. 2019 (UA-MT), eq. 4.
 */
export function confidentVoxels(
  teacher: SegmentationNetwork,
  images: Tensor,
  draws: TeacherNoise,
  { iteration, length, passes = PASSES }: MaskOptions,
): Tensor {
  return noGrad(() =>
    scope(() => {
      const pass = () =>
        scope(() => {
          const noisy = images.add(draws.teacherNoise(images));
          return teacher.meanLogits(teacher.embed(noisy)).softmax(1);
        });
      const mean = Array.from({ length: passes }, pass)
        .reduce((sum, p) => sum.add(p))
        .div(passes);
      const entropy = mean.mul(mean.add(1e-6).log()).sum([1], true).neg();
      const most = Math.log(teacher.options.classes);
      const threshold = (0.75 + 0.25 * sigmoidRampUp(iteration, length)) * most;
      return entropy.lt(threshold).to("float32");
    }),
  );
}
