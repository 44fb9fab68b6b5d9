import { noGrad } from "../engine/autograd.js";
import { mostLikelyClass } from "../engine/ops.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { type PrototypeEstimator, prototypeContrast } from "../losses/prototype-contrast.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { type Estimators, estimatorState } from "./estimators.js";
import { type LossTerms, type PatchBatch, under } from "./method.js";
import { NetworkMethod } from "./network-method.js";
import { SPACE_NAMES } from "./prototype-space.js";
import { supervisedLoss } from "./supervised.js";

export interface AuaStage2Options {
  readonly pseudoWeight: number;
  readonly prototypeWeight: number;
  readonly temperature: number;
  /** The background takes no part in the prototype contrast, as in the published run. */
  readonly ignoreBackground: boolean;
  /** Whether labeled patches go on moving the prototypes, as in the published run, or those of stage 1 stay. */
  readonly prototypeUpdates: PrototypeUpdates;
}

export type PrototypeUpdates = "while-training" | "frozen";

/**
 * Stage 2 of AUA (arXiv 2111.10989, eq. 12 and 15): a new network trained on the labels and on the pseudo labels of the
 * frozen stage-1 student, with contrast of features against the classes' prototypes.
 */
export class AuaStage2 extends NetworkMethod {
  constructor(
    network: SegmentationNetwork,
    readonly labeler: SegmentationNetwork,
    readonly estimators: Estimators,
    readonly options: AuaStage2Options,
  ) {
    super(network);
    labeler.evaluate();
  }

  losses(batch: PatchBatch): LossTerms {
    const { pseudoWeight, prototypeWeight } = this.options;
    const b = batch.images.shape[0]!;
    const n = batch.labeled;
    const z = this.network.embed(batch.images);
    const logits = this.network.meanLogits(z);
    const pseudo = b > n ? this.#pseudoLabels(batch.images.slice(0, n, b)) : null;
    const targets = pseudo ? [batch.labels, pseudo] : [batch.labels];
    const logitParts = inParts(logits, targets);
    const [labeled, unlabeled] = logitParts;
    const terms: LossTerms = {
      supervised: { value: scope(() => supervisedLoss(labeled!, batch.labels)), weight: 1 },
    };
    if (pseudo) {
      terms.pseudo = { value: scope(() => supervisedLoss(unlabeled!, pseudo)), weight: pseudoWeight };
    }
    if (prototypeWeight > 0) {
      for (const [space, estimator] of this.estimators) {
        const parts = space === "features" ? inParts(z, targets) : logitParts;
        if (this.options.prototypeUpdates === "while-training") estimator.update(parts[0]!, batch.labels);
        const value = this.#prototypes(parts, targets, estimator);
        if (value) terms[SPACE_NAMES[space].term] = { value, weight: prototypeWeight };
      }
    }
    return terms;
  }

  /** images [N,1,D,H,W] -> labels [N,D,H,W] int64: the most likely classes of the labeler */
  #pseudoLabels(images: Tensor): Tensor {
    return noGrad(() => scope(() => mostLikelyClass(this.labeler.meanLogits(this.labeler.embed(images)))));
  }

  /** proto(labeled) + proto(unlabeled) */
  #prototypes(
    parts: readonly Tensor[],
    targets: readonly Tensor[],
    estimator: PrototypeEstimator,
  ): Tensor | null {
    const { temperature, ignoreBackground } = this.options;
    const options = { temperature, ignoreClass: ignoreBackground ? 0 : null };
    const values = targets.flatMap((target, i) => {
      const value = scope(() => prototypeContrast(parts[i]!, target, estimator, options));
      return value ? [value] : [];
    });
    return values.length > 0 ? values.reduce((sum, value) => sum.add(value)) : null;
  }

  networks(): Record<string, SegmentationNetwork> {
    return { student: this.network, "pseudo labels": this.labeler };
  }
  /** Those of features, where the method keeps them. */
  prototypes(): Tensor | null {
    return this.estimators.get("features")?.mean ?? null;
  }
  override state(): StateDict {
    return new Map([
      ...super.state(),
      ...under("labeler", this.labeler.stateDict()),
      ...estimatorState(this.estimators),
    ]);
  }
  override dispose(): void {
    super.dispose();
    this.labeler.dispose();
    for (const estimator of this.estimators.values()) estimator.dispose();
  }
}

/** The images that each of the targets is of. */
const inParts = (x: Tensor, targets: readonly Tensor[]): Tensor[] =>
  x.split(targets.map((target) => target.shape[0]!));
