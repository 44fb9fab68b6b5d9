import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import { call, type Tensor } from "../engine/tensor.js";
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

/** Positions [n] of what is not 0, in the order of memory. */
const indicesOf = (mask: Tensor): Tensor => call("nonzero", "", mask.reshape([-1])).reshape([-1]);

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

/** What the student's samples of the unlabeled images are held against. */
interface Target {
  readonly samples: Tensor;
  /** 1 where the teacher is sure [N,1,D,H,W]; null counts every voxel. */
  readonly kept: Tensor | null;
}

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
    const b = batch.images.shape[0]!;
    const isConsistent = consistency.weight > 0 && b > batch.labeled;
    // the teacher's part first: of it only samples stay, while the student's features fill the memory until the end
    const target = isConsistent ? noGrad(() => scope(() => this.#target(batch, iteration))) : null;
    const z = this.network.embed(batch.images);
    // before the samples: so its gradient, as large as z, comes after theirs are gone
    const near = contrast.weight > 0 ? this.#contrast(z, batch) : null;
    const { mean, samples: all } = scope(() => {
      const distribution = this.network.distribution(z, batch.region);
      return sampleLogits(distribution, this.#draws.studentSamples(distribution, samples));
    });
    const [labeledSamples, ...unlabeledSamples] = all.split([
      batch.labeled,
      ...Array<number>(b - batch.labeled).fill(1),
    ]);
    const terms: LossTerms = this.#supervised(mean, labeledSamples!, batch);
    if (near) terms.contrast = { value: near, weight: contrast.weight };
    if (target) {
      const weight = consistency.weight * sigmoidRampUp(iteration, consistency.rampUp);
      terms.consistency = { value: this.#consistency(unlabeledSamples, target, batch), weight };
    }
    return terms;
  }

  /** Contrast of features near boundaries, eq. 10 */
  #contrast(z: Tensor, { hostLabels }: PatchBatch): Tensor | null {
    const project = (x: Tensor) => this.network.features(x);
    return scope(() => boundaryContrast(z, hostLabels, this.options.contrast, project));
  }

  /** ½ (L_mc + L_dice) on the labeled patches, eq. 3-4 */
  #supervised(mean: Tensor, samples: Tensor, batch: PatchBatch): LossTerms {
    const n = batch.labeled;
    const likelihood = scope(() => monteCarloLikelihoodLoss(samples, batch.labels.reshape([n, -1])));
    const dice = scope(() => diceLoss(mean.slice(0, 0, n), batch.labels));
    return { likelihood: { value: likelihood, weight: 0.5 }, dice: { value: dice, weight: 0.5 } };
  }

  /**
   * Mean energy distance over the unlabeled images, eq. 6-8. student: samples [1,S,C,V] of each; the target's
   * [N,T,C,V], and which voxels count.
   */
  #consistency(student: readonly Tensor[], target: Target, batch: PatchBatch): Tensor {
    const space = batch.images.shape.slice(2);
    const losses = student.map((samples, i) =>
      scope(() => {
        const kept = target.kept && indicesOf(target.kept.select(0, i));
        if (kept?.numel() === 0) return samples.sum().mul(0);
        // voxels that count lie along one axis where some do not
        const seen = (x: Tensor) => {
          const rows = x.reshape(x.shape.slice(-3)); // [S,C,V]
          return kept
            ? rows.indexSelect(2, kept).unsqueeze(3).unsqueeze(4)
            : rows.reshape([...rows.shape.slice(0, 2), ...space]);
        };
        const theirs = seen(target.samples.select(0, i));
        return energyDistance(seen(samples), theirs, this.options.consistency.distance).distance;
      }),
    );
    return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
  }

  /** The teacher's samples of the unlabeled images under noise. */
  #target(batch: PatchBatch, iteration: number): Target {
    const b = batch.images.shape[0]!;
    const images = batch.images.slice(0, batch.labeled, b);
    const noisy = images.add(this.#draws.teacherNoise(images));
    const region = batch.region.slice(0, batch.labeled, b);
    const { consistency, samples, uncertaintyMask } = this.options;
    return {
      samples: scope(() => {
        const distribution = this.teacher.distribution(this.teacher.embed(noisy), region);
        return sampleLogits(distribution, this.#draws.teacherSamples(distribution, samples)).samples;
      }),
      kept: uncertaintyMask
        ? confidentVoxels(this.teacher, images, this.#draws, { iteration, length: consistency.rampUp })
        : null,
    };
  }
}
