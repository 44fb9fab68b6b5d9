import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { type Estimators, estimatorState, newEstimators } from "./estimators.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";
import type { PrototypeSpaces } from "./prototype-space.js";

/**
 * Between the stages (arXiv 2111.10989, eq. 13): the stage-1 student in evaluation mode goes over labeled patches and
 * each class's features are summed up. Nothing is optimized.
 */
export class PrototypeEstimation implements Method {
  readonly estimators: Estimators;

  constructor(
    readonly network: SegmentationNetwork,
    spaces: PrototypeSpaces = "features",
  ) {
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
  parameters(): StateDict {
    return this.network.parameters();
  }
  /** Those of features, where the method keeps them. */
  prototypes(): Tensor | null {
    return this.estimators.get("features")?.mean ?? null;
  }
  afterStep(): void {}
  state(): StateDict {
    return new Map([...under("network", this.network.stateDict()), ...estimatorState(this.estimators)]);
  }
  dispose(): void {
    this.network.dispose();
    for (const estimator of this.estimators.values()) estimator.dispose();
  }
}
