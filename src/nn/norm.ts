import { ones, zeros } from "../engine/make-tensor.js";
import { batchNormRelu, groupNorm, instanceNormRelu } from "../engine/ops.js";
import { inSecondPass } from "../engine/recompute.js";
import type { Tensor } from "../engine/tensor.js";
import { Module } from "./module.js";

/** "batch" and "group" have scale and shift; "instance" has none, as in the published V-Net. */
export type Normalization = "batch" | "instance" | "group" | "none";

const GROUPS = 16;

/** A normalization followed by ReLU, [B,C,D,H,W] -> the same shape. */
export abstract class NormRelu extends Module {
  abstract forward(x: Tensor): Tensor;
}

class BatchNormRelu extends NormRelu {
  readonly #tensors;
  constructor(channels: number, device: string) {
    super();
    const at = { device };
    this.#tensors = {
      weight: this.parameter("weight", ones([channels], at)),
      bias: this.parameter("bias", zeros([channels], at)),
      runningMean: this.buffer("running_mean", zeros([channels], at)),
      runningVar: this.buffer("running_var", ones([channels], at)),
    };
    this.#batches = this.buffer("num_batches_tracked", zeros([], { dtype: "int64", device }));
  }
  readonly #batches: Tensor;
  forward(x: Tensor): Tensor {
    if (!this.training || inSecondPass()) return batchNormRelu(x, this.#still(), this.training);
    this.#batches.copy_(this.#batches.add(1));
    return batchNormRelu(x, this.#tensors, true);
  }
  /** The running statistics as they are, whatever a pass does to its own. */
  #still() {
    if (!this.training) return this.#tensors;
    const { runningMean, runningVar } = this.#tensors;
    return { ...this.#tensors, runningMean: runningMean.clone(), runningVar: runningVar.clone() };
  }
}

class GroupNormRelu extends NormRelu {
  readonly #weight: Tensor;
  readonly #bias: Tensor;
  constructor(channels: number, device: string) {
    super();
    this.#weight = this.parameter("weight", ones([channels], { device }));
    this.#bias = this.parameter("bias", zeros([channels], { device }));
  }
  forward(x: Tensor): Tensor {
    return groupNorm(x, GROUPS, this.#weight, this.#bias).relu();
  }
}

class InstanceNormRelu extends NormRelu {
  forward(x: Tensor): Tensor {
    return instanceNormRelu(x);
  }
}

class OnlyRelu extends NormRelu {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

const makers: Record<Normalization, (channels: number, device: string) => NormRelu> = {
  batch: (channels, device) => new BatchNormRelu(channels, device),
  instance: () => new InstanceNormRelu(),
  group: (channels, device) => new GroupNormRelu(channels, device),
  none: () => new OnlyRelu(),
};

export const normRelu = (kind: Normalization, channels: number, device: string): NormRelu =>
  makers[kind](channels, device);
