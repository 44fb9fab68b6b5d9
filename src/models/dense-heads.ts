import { unitLength } from "../engine/ops.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { Conv3d } from "../nn/layers.js";
import { Module } from "../nn/module.js";

/** Two 1x1x1 convolutions with ReLU between them. */
class Projection extends Module {
  readonly #first: Conv3d;
  readonly #second: Conv3d;
  constructor(channels: number, size: number, device: string) {
    super();
    this.#first = this.child("0", new Conv3d(channels, channels, 1, device));
    this.#second = this.child("2", new Conv3d(channels, size, 1, device));
  }
  forward(x: Tensor): Tensor {
    return this.#second.forward(this.#first.forward(x).relu()).to("float32");
  }
}

/** What the heads make of an encoder's features, all of unit length. */
export interface Projected {
  /** One of the whole image, [B,E] */
  readonly global: Tensor;
  /** One of each place, [B,S,E] with S = D·H·W */
  readonly dense: Tensor;
  /** The mean over places of the dense projection, brought to unit length only then: [B,E] */
  readonly pooled: Tensor;
}

/** features [B,C,D,H,W] -> rows [B,D·H·W,C] */
export const placeRows = (x: Tensor): Tensor =>
  x.reshape([x.shape[0]!, x.shape[1]!, -1]).transpose(1, 2).to("float32");

/** DenseCL's heads: one on the pooled features, one on every place (Wang et al. 2021, section 3.2). */
export class DenseHeads extends Module {
  readonly #global: Projection;
  readonly #dense: Projection;

  constructor(
    channels: number,
    readonly size: number,
    device: string,
  ) {
    super();
    this.#global = this.child("global", new Projection(channels, size, device));
    this.#dense = this.child("dense", new Projection(channels, size, device));
  }

  forward(features: Tensor): Projected {
    return scope(() => {
      const pooled = features.mean([2, 3, 4], true);
      const global = this.#global.forward(pooled).reshape([-1, this.size]);
      const dense = placeRows(this.#dense.forward(features));
      return {
        global: unitLength(global, 1),
        dense: unitLength(dense, 2),
        pooled: unitLength(dense.mean([1]), 1),
      };
    });
  }
}
