import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { type BoundaryContrastOptions, boundaryContrast } from "../losses/boundary-contrast.js";
import { diceLoss } from "../losses/dice.js";
import { type Distance, energyDistance } from "../losses/energy-distance.js";
import { monteCarloLikelihoodLoss } from "../losses/monte-carlo-likelihood.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { drawNoise, type LogitDistribution, type Noise, sampleLogits } from "../models/stochastic-head.js";
import { sigmoidRampUp } from "../nn/schedule.js";
import type { LossTerms, PatchBatch } from "./method.js";
import { clippedNoise, TeacherMethod, type TeacherNoise } from "./teacher-method.js";
import { confidentVoxels } from "./uncertainty-mask.js";

export interface AuaStage1Options {
  /** Samples of each predicted distribution, even. */
  readonly samples: number;
  readonly consistency: { readonly weight: number; readonly distance: Distance; readonly rampUp: number };
  readonly emaDecay: number;
  /** Standard deviation of the noise on the teacher's images, clipped at twice itself. */
  readonly teacherNoise: number;
  readonly contrast: BoundaryContrastOptions & { readonly weight: number };
  /** Count only voxels that the teacher is sure of; costs eight passes. */
  readonly uncertaintyMask: boolean;
}

/** The random numbers of a step, replaceable so that a step can be compared with a reference. */
export interface Draws extends TeacherNoise {
  studentSamples(distribution: LogitDistribution, samples: number): Noise;
  teacherSamples(distribution: LogitDistribution, samples: number): Noise;
}

const drawn = (deviation: number): Draws => ({
  teacherNoise: clippedNoise(deviation),
  studentSamples: drawNoise,
  teacherSamples: drawNoise,
});

/**
 * Stage 1 of AUA (arXiv 2111.10989, eq. 3-10 and 14): a mean teacher whose consistency is the energy distance between
 * samples of the student's and the teacher's distributions, and contrast of features at boundaries.
 */
export class AuaStage1 extends TeacherMethod {
  readonly contrasts = "projection";
  readonly #draws: Draws;

  constructor(
    network: SegmentationNetwork,
    teacher: SegmentationNetwork,
    readonly options: AuaStage1Options,
    draws?: Draws,
  ) {
    super(network, teacher, options.emaDecay);
    this.#draws = draws ?? drawn(options.teacherNoise);
  }

  losses(batch: PatchBatch, iteration: number): LossTerms {
    const { contrast, consistency, samples } = this.options;
    const z = this.network.embed(batch.images);
    const distribution = this.network.distribution(z, batch.region);
    const noise = this.#draws.studentSamples(distribution, samples);
    const logits = scope(() => sampleLogits(distribution, noise)); // [B,S,C,V]
    const terms: LossTerms = this.#supervised(distribution, logits, batch);
    if (contrast.weight > 0) {
      const labeled = z.slice(0, 0, batch.labeled);
      const project = (x: Tensor) => this.network.features(x);
      const value = scope(() => boundaryContrast(labeled, batch.hostLabels, contrast, project));
      if (value) terms.contrast = { value, weight: contrast.weight };
    }
    if (consistency.weight > 0 && batch.images.shape[0]! > batch.labeled) {
      const weight = consistency.weight * sigmoidRampUp(iteration, consistency.rampUp);
      terms.consistency = { value: this.#consistency(logits, batch, iteration), weight };
    }
    return terms;
  }

  /** ½ (L_mc + L_dice) on the labeled patches, eq. 3-4 */
  #supervised(distribution: LogitDistribution, logits: Tensor, batch: PatchBatch): LossTerms {
    const n = batch.labeled;
    const likelihood = scope(() =>
      monteCarloLikelihoodLoss(logits.slice(0, 0, n), batch.labels.reshape([n, -1])),
    );
    const dice = scope(() => diceLoss(distribution.mean.slice(0, 0, n), batch.labels));
    return { likelihood: { value: likelihood, weight: 0.5 }, dice: { value: dice, weight: 0.5 } };
  }

  /** Mean energy distance over the unlabeled images, eq. 6-8 */
  #consistency(studentLogits: Tensor, batch: PatchBatch, iteration: number): Tensor {
    const [b, , d, h, w] = batch.images.shape as [number, number, number, number, number];
    const teacherLogits = noGrad(() => scope(() => this.#teacherSamples(batch)));
    const kept = this.options.uncertaintyMask
      ? confidentVoxels(this.teacher, batch.images.slice(0, batch.labeled, b), this.#draws, {
          iteration,
          length: this.options.consistency.rampUp,
        })
      : null;
    const losses: Tensor[] = [];
    for (let i = batch.labeled; i < b; i++) {
      losses.push(
        scope(() => {
          const grid = (x: Tensor) => x.reshape([x.shape[0]!, x.shape[1]!, d, h, w]);
          const mask = kept?.select(0, i - batch.labeled);
          const seen = (x: Tensor) => (mask ? grid(x).mul(mask) : grid(x));
          const student = seen(studentLogits.select(0, i));
          const teacher = seen(teacherLogits.select(0, i - batch.labeled));
          return energyDistance(student, teacher, this.options.consistency.distance).distance;
        }),
      );
    }
    return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
  }

  #teacherSamples(batch: PatchBatch): Tensor {
    const b = batch.images.shape[0]!;
    const images = batch.images.slice(0, batch.labeled, b);
    const noisy = images.add(this.#draws.teacherNoise(images));
    const distribution = this.teacher.distribution(
      this.teacher.embed(noisy),
      batch.region.slice(0, batch.labeled, b),
    );
    return sampleLogits(distribution, this.#draws.teacherSamples(distribution, this.options.samples));
  }
}
