import { randn } from "../engine/make-tensor.js";
import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { movingAverage_ } from "../nn/optimizer.js";
import { teacherDecay } from "../nn/schedule.js";
import { under } from "./method.js";
import { NetworkMethod } from "./network-method.js";

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
export abstract class TeacherMethod extends NetworkMethod {
  readonly #decay: number;

  /** The teacher starts as a copy of the student. `decay`: of the moving average, in the long run. */
  constructor(
    network: SegmentationNetwork,
    readonly teacher: SegmentationNetwork,
    decay: number,
  ) {
    super(network);
    this.#decay = decay;
    for (const parameter of teacher.parameters().values()) parameter.requireGrad(false);
  }

  networks(): Record<string, SegmentationNetwork> {
    return { student: this.network, teacher: this.teacher };
  }
  override afterStep(iteration: number): void {
    const decay = teacherDecay(iteration, this.#decay);
    movingAverage_(this.teacher.parameters(), this.network.parameters(), decay);
  }
  override state(): StateDict {
    return new Map([...super.state(), ...under("teacher", this.teacher.stateDict())]);
  }
  override dispose(): void {
    super.dispose();
    this.teacher.dispose();
  }
}
