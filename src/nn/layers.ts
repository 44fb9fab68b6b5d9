import { channelDropout, conv3d, conv3dSame, pointwiseConv, upConv2 } from "../engine/ops.js";
import { cat, rand, type Tensor } from "../engine/tensor.js";
import { Module } from "./module.js";

/** PyTorch's default for convolutions: uniform within ±1/sqrt(fan in) for weight and bias. */
function uniform(shape: readonly number[], fanIn: number, device: string): Tensor {
  const bound = 1 / Math.sqrt(fanIn);
  return rand(shape, { device })
    .mul(2 * bound)
    .sub(bound);
}

/** Convolution with bias. [B,in,D,H,W] -> [B,out,...] */
export class Conv3d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  constructor(
    inChannels: number,
    outChannels: number,
    readonly kernel: 1 | 2 | 3,
    device: string,
  ) {
    super();
    const shape = [outChannels, inChannels, kernel, kernel, kernel];
    const fanIn = inChannels * kernel ** 3;
    this.weight = this.parameter("weight", uniform(shape, fanIn, device));
    this.bias = this.parameter("bias", uniform([outChannels], fanIn, device));
  }
  /** Kernel 3 keeps the size (padding 1), kernel 2 halves it (stride 2), kernel 1 keeps it. */
  forward(x: Tensor): Tensor {
    if (this.kernel === 3) return conv3dSame(x, this.weight, this.bias);
    if (this.kernel === 1) return pointwiseConv(x, this.weight, this.bias);
    return conv3d(x, this.weight, this.bias, 2);
  }
}

/** Several 1x1x1 convolutions of relu(x), as one: their outputs follow one another along the channels. */
export const headsOfRelu = (layers: readonly Conv3d[], x: Tensor): Tensor => {
  const joined = (of: (layer: Conv3d) => Tensor) => cat(layers.map(of), 0);
  return pointwiseConv(
    x,
    joined(({ weight }) => weight),
    joined(({ bias }) => bias),
    true,
  );
};

/** Transposed convolution that doubles the size (kernel 2, stride 2). [B,in,D,H,W] -> [B,out,2D,2H,2W] */
export class UpConv3d extends Module {
  readonly #weight: Tensor;
  readonly #bias: Tensor;
  constructor(inChannels: number, outChannels: number, device: string) {
    super();
    const fanIn = outChannels * 8; // PyTorch counts the second axis of a transposed weight as its fan in
    this.#weight = this.parameter("weight", uniform([inChannels, outChannels, 2, 2, 2], fanIn, device));
    this.#bias = this.parameter("bias", uniform([outChannels], fanIn, device));
  }
  forward(x: Tensor): Tensor {
    return upConv2(x, this.#weight, this.#bias);
  }
}

/** Drops whole channels while training. */
export class ChannelDropout extends Module {
  constructor(readonly p: number) {
    super();
  }
  forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? channelDropout(x, this.p) : x;
  }
}
