import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { PrototypeEstimator } from "../losses/prototype-contrast.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";

/** z [B,K,D,H,W] -> rows [B·V,K] */
export const featureRows = (z: Tensor): Tensor =>
  z.to("float32").permute([0, 2, 3, 4, 1]).reshape([-1, z.shape[1]!]);

/**
 * Between the stages (arXiv 2111.10989, eq. 13): the stage-1 student in evaluation mode goes over labeled patches and
 * each class's features are summed up. Nothing is optimized.
 */
export class PrototypeEstimation implements Method {
  readonly estimator: PrototypeEstimator;

  constructor(readonly network: SegmentationNetwork) {
    const { classes, filters, device } = network.options;
    network.evaluate();
    this.estimator = new PrototypeEstimator(classes, filters, device);
  }

  losses(batch: PatchBatch): LossTerms {
    noGrad(() =>
      scope(() => {
        const z = this.network.embed(batch.images.slice(0, 0, batch.labeled));
        this.estimator.update(featureRows(z), batch.labels.reshape([-1]));
      }),
    );
    return {};
  }
  parameters(): StateDict {
    return this.network.parameters();
  }
  afterStep(): void {}
  state(): StateDict {
    return new Map([
      ...under("network", this.network.stateDict()),
      ...under("prototypes", this.estimator.stateDict()),
    ]);
  }
  dispose(): void {
    this.network.dispose();
    this.estimator.dispose();
  }
}
