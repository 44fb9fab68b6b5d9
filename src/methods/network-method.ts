import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";

/** What methods share whose optimizer moves their network and nothing else. */
export abstract class NetworkMethod implements Method {
  constructor(readonly network: SegmentationNetwork) {}

  abstract losses(batch: PatchBatch, iteration: number): LossTerms;

  parameters(): StateDict {
    return this.network.parameters();
  }
  afterStep(_iteration: number): void {}
  state(): StateDict {
    return new Map(under("network", this.network.stateDict()));
  }
  dispose(): void {
    this.network.dispose();
  }
}
