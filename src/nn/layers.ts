import { cat, rand } from "../engine/make-tensor.js";
import { channelDropout, conv3d, conv3dSame, pointwiseConv, upConv2 } from "../engine/ops.js";
import type { Tensor } from "../engine/tensor.js";
import { Module } from "./module.js";

/**
 * PyTorch's default for convolutions: uniform within ±1/sqrt(fan in) for weight and bias. Drawn by the CPU's generator, so
 * that a seed means the same network on every device.
 */
function uniform(shape: readonly number[], fanIn: number, device: string): Tensor {
  const bound = 1 / Math.sqrt(fanIn);
  return rand(shape)
    .mul(2 * bound)
    .sub(bound)
    .toDevice(device);
}

/** Whether kernels reach along D too, or each slice [H,W] is seen by itself: then they are 1 wide along D. */
export type Dimensions = 2 | 3;

/** Extents of a kernel along [D,H,W]. */
const extents = (kernel: number, dimensions: Dimensions): number[] => [
  dimensions === 2 ? 1 : kernel,
  kernel,
  kernel,
];
const product = (values: readonly number[]): number => values.reduce((all, n) => all * n, 1);

/** Convolution with bias. [B,in,D,H,W] -> [B,out,...] */
export class Conv3d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  constructor(
    inChannels: number,
    outChannels: number,
    readonly kernel: 1 | 2 | 3,
    device: string,
    readonly dimensions: Dimensions = 3,
  ) {
    super();
    const size = extents(kernel, dimensions);
    const fanIn = inChannels * product(size);
    this.weight = this.parameter("weight", uniform([outChannels, inChannels, ...size], fanIn, device));
    this.bias = this.parameter("bias", uniform([outChannels], fanIn, device));
  }
  /** Kernel 3 keeps the size (padding 1), kernel 2 halves it (stride 2), kernel 1 keeps it. */
  forward(x: Tensor): Tensor {
    const { weight, bias, kernel, dimensions } = this;
    if (kernel === 1) return pointwiseConv(x, weight, bias);
    if (kernel === 2) return conv3d(x, weight, bias, extents(2, dimensions));
    return dimensions === 3 ? conv3dSame(x, weight, bias) : conv3d(x, weight, bias, [1, 1, 1], [0, 1, 1]);
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

/** Transposed convolution that doubles the size (kernel 2, stride 2). [B,in,D,H,W] -> [B,out,2D,2H,2W]; D stays in 2-D. */
export class UpConv3d extends Module {
  readonly #weight: Tensor;
  readonly #bias: Tensor;
  constructor(inChannels: number, outChannels: number, device: string, dimensions: Dimensions = 3) {
    super();
    const size = extents(2, dimensions);
    const fanIn = outChannels * product(size); // PyTorch counts the second axis of a transposed weight as its fan in
    this.#weight = this.parameter("weight", uniform([inChannels, outChannels, ...size], fanIn, device));
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
