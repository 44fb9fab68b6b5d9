import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { type Estimators, estimatorState, newEstimators } from "./estimators.js";
import type { LossTerms, PatchBatch } from "./method.js";
import { NetworkMethod } from "./network-method.js";
import type { PrototypeSpaces } from "./prototype-space.js";

/**
 * Between the stages (arXiv 2111.10989, eq. 13): the stage-1 student in evaluation mode goes over labeled patches and
 * each class's features are summed up. Nothing is optimized.
 */
export class PrototypeEstimation extends NetworkMethod {
  readonly estimators: Estimators;

  constructor(network: SegmentationNetwork, spaces: PrototypeSpaces = "features") {
    super(network);
    network.evaluate();
    this.estimators = newEstimators(network.options, spaces);
  }

  losses(batch: PatchBatch): LossTerms {
    noGrad(() =>
      scope(() => {
        const z = this.network.embed(batch.images.slice(0, 0, batch.labeled));
        for (const [space, estimator] of this.estimators) {
          const x = space === "features" ? z : this.network.meanLogits(z);
          estimator.update(x, batch.labels);
        }
      }),
    );
    return {};
  }
  /** Those of features, where the method keeps them. */
  prototypes(): Tensor | null {
    return this.estimators.get("features")?.mean ?? null;
  }
  override state(): StateDict {
    return new Map([...super.state(), ...estimatorState(this.estimators)]);
  }
  override dispose(): void {
    super.dispose();
    for (const estimator of this.estimators.values()) estimator.dispose();
  }
}
