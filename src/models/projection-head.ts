import { unitLength } from "../engine/ops.js";
import type { Tensor } from "../engine/tensor.js";
import { Conv3d } from "../nn/layers.js";
import { Module } from "../nn/module.js";

class Layers extends Module {
  readonly #convolutions: Conv3d[];
  constructor(channels: number, count: number, device: string) {
    super();
    this.#convolutions = Array.from({ length: count }, (_, i) =>
      this.child(String(2 * i), new Conv3d(channels, channels, 1, device)),
    );
  }
  forward(x: Tensor): Tensor {
    return this.#convolutions.reduce((y, conv, i) => conv.forward(i === 0 ? y : y.relu()), x);
  }
}

/**
 * Three 1x1x1 convolutions with ReLU between them, then unit length over channels: the features that are contrasted.
 * embedding z [B,K,D,H,W] -> f [B,K,D,H,W]. Source: arXiv 2111.10989, section 3.2.
 */
export class ProjectionHead extends Module {
  readonly #layers: Layers;
  constructor(channels: number, device: string) {
    super();
    this.#layers = this.child("conv", new Layers(channels, 3, device));
  }
  forward(z: Tensor): Tensor {
    return unitLength(this.#layers.forward(z).to("float32"), 1);
  }
}
