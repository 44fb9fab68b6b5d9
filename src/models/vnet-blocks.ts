import { upsample2 } from "../engine/ops.js";
import type { Tensor } from "../engine/tensor.js";
import { Conv3d, type Dimensions, UpConv3d } from "../nn/layers.js";
import { Module } from "../nn/module.js";
import { type Normalization, normRelu } from "../nn/norm.js";

/** Layers in a row; parameters are named by position among layers that PyTorch's Sequential would count. */
class Stack extends Module {
  readonly #layers: { forward(x: Tensor): Tensor }[] = [];
  #position = 0;
  /** `slots`: how many places the layer takes in the published numbering (normalization + ReLU take two). */
  push(layer: Module & { forward(x: Tensor): Tensor }, slots: number): void {
    this.child(String(this.#position), layer);
    this.#layers.push(layer);
    this.#position += slots;
  }
  /** Frees what lies between two layers as soon as no gradient needs it, not at the end of the whole network. */
  forward(x: Tensor): Tensor {
    return this.#layers.reduce((y, layer) => {
      const next = layer.forward(y);
      if (y !== x) y.dispose();
      return next;
    }, x);
  }
}

/** The published blocks keep their layers under the name "conv". */
class Block extends Module {
  protected readonly stack = this.child("conv", new Stack());
  forward(x: Tensor): Tensor {
    return this.stack.forward(x);
  }
  protected pushNormRelu(normalization: Normalization, channels: number, device: string): void {
    this.stack.push(normRelu(normalization, channels, device), normalization === "none" ? 1 : 2);
  }
}

/** How blocks are made. */
export interface Build {
  readonly normalization: Normalization;
  readonly device: string;
  /** Absent: 3. */
  readonly dimensions?: Dimensions;
}

/** `count` times: 3x3x3 (in 2-D 1x3x3, and so on below) convolution, normalization, ReLU. */
export class ConvBlock extends Block {
  constructor(count: number, inChannels: number, outChannels: number, build: Build) {
    super();
    const { normalization, device, dimensions } = build;
    for (let i = 0; i < count; i++) {
      this.stack.push(new Conv3d(i === 0 ? inChannels : outChannels, outChannels, 3, device, dimensions), 1);
      this.pushNormRelu(normalization, outChannels, device);
    }
  }
}

export class DownBlock extends Block {
  constructor(inChannels: number, outChannels: number, build: Build) {
    super();
    const { normalization, device, dimensions } = build;
    this.stack.push(new Conv3d(inChannels, outChannels, 2, device, dimensions), 1);
    this.pushNormRelu(normalization, outChannels, device);
  }
}

/** How a decoder doubles the size: a learned transposed convolution, or interpolation and a 3x3x3 convolution. */
export type Upsampling = "transposed" | "trilinear" | "nearest";

/** Doubles the size without parameters. */
class Interpolation extends Module {
  constructor(
    readonly kind: "trilinear" | "nearest",
    readonly dimensions?: Dimensions,
  ) {
    super();
  }
  forward(x: Tensor): Tensor {
    return upsample2(x, this.kind, this.dimensions);
  }
}

export class UpBlock extends Block {
  constructor(inChannels: number, outChannels: number, upsampling: Upsampling, build: Build) {
    super();
    const { normalization, device, dimensions } = build;
    if (upsampling === "transposed")
      this.stack.push(new UpConv3d(inChannels, outChannels, device, dimensions), 1);
    else {
      this.stack.push(new Interpolation(upsampling, dimensions), 1);
      this.stack.push(new Conv3d(inChannels, outChannels, 3, device, dimensions), 1);
    }
    this.pushNormRelu(normalization, outChannels, device);
  }
}
