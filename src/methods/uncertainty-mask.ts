import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { sigmoidRampUp } from "../nn/schedule.js";
import type { Draws } from "./aua-stage1.js";

const PASSES = 8;

/**
 * 1 where the teacher is sure: the entropy of its mean softmax over eight noisy passes is under a threshold that rises
 * from 0.75·ln C to ln C. images [B,1,D,H,W] -> [B,1,D,H,W]. Source: Yu et al. 2019 (UA-MT), eq. 4.
 */
export function confidentVoxels(
  teacher: SegmentationNetwork,
  images: Tensor,
  draws: Pick<Draws, "teacherNoise">,
  { iteration, length }: { iteration: number; length: number },
): Tensor {
  return noGrad(() =>
    scope(() => {
      const pass = () =>
        scope(() => {
          const noisy = images.add(draws.teacherNoise(images));
          return teacher.meanLogits(teacher.embed(noisy)).softmax(1);
        });
      const mean = Array.from({ length: PASSES }, pass)
        .reduce((sum, p) => sum.add(p))
        .div(PASSES);
      const entropy = mean.mul(mean.add(1e-6).log()).sum([1], true).neg();
      const most = Math.log(teacher.options.classes);
      const threshold = (0.75 + 0.25 * sigmoidRampUp(iteration, length)) * most;
      return entropy.lt(threshold).to("float32");
    }),
  );
}
