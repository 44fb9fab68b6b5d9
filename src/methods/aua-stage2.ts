import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { type PrototypeEstimator, prototypeContrast } from "../losses/prototype-contrast.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { type Estimators, estimatorState } from "./estimators.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";
import { featureRows, SPACE_NAMES } from "./prototype-space.js";
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
export class AuaStage2 implements Method {
  constructor(
    readonly network: SegmentationNetwork,
    readonly labeler: SegmentationNetwork,
    readonly estimators: Estimators,
    readonly options: AuaStage2Options,
  ) {
    labeler.evaluate();
  }

  losses(batch: PatchBatch): LossTerms {
    const { pseudoWeight, prototypeWeight } = this.options;
    const b = batch.images.shape[0]!;
    const n = batch.labeled;
    const z = this.network.embed(batch.images);
    const logits = this.network.meanLogits(z);
    const pseudo = b > n ? this.#pseudoLabels(batch.images.slice(0, n, b)) : null;
    const terms: LossTerms = {
      supervised: { value: scope(() => supervisedLoss(logits.slice(0, 0, n), batch.labels)), weight: 1 },
    };
    if (pseudo) {
      terms.pseudo = {
        value: scope(() => supervisedLoss(logits.slice(0, n, b), pseudo)),
        weight: pseudoWeight,
      };
    }
    if (prototypeWeight > 0) {
      const targets = pseudo ? [batch.labels, pseudo] : [batch.labels];
      for (const [space, estimator] of this.estimators) {
        const x = space === "features" ? z : logits;
        if (this.options.prototypeUpdates === "while-training")
          estimator.update(featureRows(x.slice(0, 0, n)), batch.labels.reshape([-1]));
        const value = this.#prototypes(x, targets, estimator);
        if (value) terms[SPACE_NAMES[space].term] = { value, weight: prototypeWeight };
      }
    }
    return terms;
  }

  /** images [N,1,D,H,W] -> labels [N,D,H,W] int64: the argmax of the labeler's mean logits */
  #pseudoLabels(images: Tensor): Tensor {
    return noGrad(() => scope(() => this.labeler.meanLogits(this.labeler.embed(images)).argmax(1)));
  }

  /** proto(labeled) + proto(unlabeled) */
  #prototypes(x: Tensor, targets: readonly Tensor[], estimator: PrototypeEstimator): Tensor | null {
    const { temperature, ignoreBackground } = this.options;
    let start = 0;
    const parts = targets.flatMap((target) => {
      const rows = x.slice(0, start, start + target.shape[0]!);
      start += target.shape[0]!;
      const value = scope(() =>
        prototypeContrast(featureRows(rows), target.reshape([-1]), estimator, {
          temperature,
          ignoreClass: ignoreBackground ? 0 : null,
        }),
      );
      return value ? [value] : [];
    });
    return parts.length > 0 ? parts.reduce((sum, value) => sum.add(value)) : null;
  }

  parameters(): StateDict {
    return this.network.parameters();
  }
  networks(): Record<string, SegmentationNetwork> {
    return { student: this.network, "pseudo labels": this.labeler };
  }
  /** Those of features, where the method keeps them. */
  prototypes(): Tensor | null {
    return this.estimators.get("features")?.mean ?? null;
  }
  afterStep(): void {}
  state(): StateDict {
    return new Map([
      ...under("network", this.network.stateDict()),
      ...under("labeler", this.labeler.stateDict()),
      ...estimatorState(this.estimators),
    ]);
  }
  dispose(): void {
    this.network.dispose();
    this.labeler.dispose();
    for (const estimator of this.estimators.values()) estimator.dispose();
  }
}
