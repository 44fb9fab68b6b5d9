import { randn, type Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { movingAverage_ } from "../nn/optimizer.js";
import { teacherDecay } from "../nn/schedule.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";

/** The noise that a teacher's images get, replaceable so that a step can be compared with a reference. */
export interface TeacherNoise {
  teacherNoise(images: Tensor): Tensor;
}

/** Normal noise of a standard deviation, clipped at twice itself. Source: Yu et al. 2019 (UA-MT). */
export const clippedNoise =
  (deviation: number): TeacherNoise["teacherNoise"] =>
  (images) =>
    randn(images.shape, { device: images.device })
      .mul(deviation)
      .clamp(-2 * deviation, 2 * deviation);

/**
 * What methods with a mean teacher share: a student that the optimizer moves, and a teacher of the same form whose
 * parameters follow the student's as a moving average. No gradient reaches the teacher; its running statistics are its
 * own. Source: Tarvainen & Valpola 2017.
 */
export abstract class TeacherMethod implements Method {
  readonly #decay: number;

  /** The teacher starts as a copy of the student. `decay`: of the moving average, in the long run. */
  constructor(
    readonly network: SegmentationNetwork,
    readonly teacher: SegmentationNetwork,
    decay: number,
  ) {
    this.#decay = decay;
    for (const parameter of teacher.parameters().values()) parameter.requireGrad(false);
  }

  abstract losses(batch: PatchBatch, iteration: number): LossTerms;

  parameters(): StateDict {
    return this.network.parameters();
  }
  afterStep(iteration: number): void {
    const decay = teacherDecay(iteration, this.#decay);
    movingAverage_(this.teacher.parameters(), this.network.parameters(), decay);
  }
  state(): StateDict {
    return new Map([
      ...under("network", this.network.stateDict()),
      ...under("teacher", this.teacher.stateDict()),
    ]);
  }
  dispose(): void {
    this.network.dispose();
    this.teacher.dispose();
  }
}
