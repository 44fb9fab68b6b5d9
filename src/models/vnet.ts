import type { Tensor } from "../engine/tensor.js";
import { ChannelDropout, Conv3d, UpConv3d } from "../nn/layers.js";
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
  forward(x: Tensor): Tensor {
    return this.#layers.reduce((y, layer) => layer.forward(y), x);
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

interface Build {
  readonly normalization: Normalization;
  readonly device: string;
}

/** `count` times: 3x3x3 convolution, normalization, ReLU. */
class ConvBlock extends Block {
  constructor(count: number, inChannels: number, outChannels: number, { normalization, device }: Build) {
    super();
    for (let i = 0; i < count; i++) {
      this.stack.push(new Conv3d(i === 0 ? inChannels : outChannels, outChannels, 3, device), 1);
      this.pushNormRelu(normalization, outChannels, device);
    }
  }
}

class DownBlock extends Block {
  constructor(inChannels: number, outChannels: number, { normalization, device }: Build) {
    super();
    this.stack.push(new Conv3d(inChannels, outChannels, 2, device), 1);
    this.pushNormRelu(normalization, outChannels, device);
  }
}

class UpBlock extends Block {
  constructor(inChannels: number, outChannels: number, { normalization, device }: Build) {
    super();
    this.stack.push(new UpConv3d(inChannels, outChannels, device), 1);
    this.pushNormRelu(normalization, outChannels, device);
  }
}

export interface VNetOptions {
  readonly inChannels: number;
  readonly filters: number;
  readonly normalization: Normalization;
  /** Channel dropout on the bottom features and on the output, while training. */
  readonly dropout: number;
  readonly device: string;
}

const LEVELS = ["one", "two", "three", "four", "five"] as const;
const DECODER = ["six", "seven", "eight", "nine"] as const;

/**
 * V-Net as the semi-supervised literature uses it (Yu et al. 2019, UA-MT): skips are added, not concatenated.
 * image [B,I,D,H,W] -> embedding z [B,filters,D,H,W]; D, H, W divisible by 16.
 * State names are the published implementation's (block_one.conv.0.weight …).
 */
export class VNet extends Module {
  readonly #encoder: ConvBlock[];
  readonly #down: DownBlock[];
  readonly #up: UpBlock[];
  readonly #decoder: ConvBlock[];
  readonly #outConv: Conv3d;
  readonly #dropout: ChannelDropout;

  constructor(options: VNetOptions) {
    super();
    const { inChannels, filters, device } = options;
    const width = (level: number) => filters * 2 ** level;
    this.#encoder = [];
    this.#down = [];
    for (const [level, name] of LEVELS.entries()) {
      const convolutions = Math.min(level + 1, 3);
      const channels = level === 0 ? inChannels : width(level);
      this.#encoder.push(
        this.child(`block_${name}`, new ConvBlock(convolutions, channels, width(level), options)),
      );
      if (level === 4) break;
      this.#down.push(this.child(`block_${name}_dw`, new DownBlock(width(level), width(level + 1), options)));
    }
    this.#up = [];
    this.#decoder = [];
    for (const [i, name] of DECODER.entries()) {
      const level = 3 - i;
      const below = ["five", ...DECODER][i];
      this.#up.push(this.child(`block_${below}_up`, new UpBlock(width(level + 1), width(level), options)));
      const convolutions = Math.min(level + 1, 3);
      this.#decoder.push(
        this.child(`block_${name}`, new ConvBlock(convolutions, width(level), width(level), options)),
      );
    }
    this.#outConv = this.child("out_conv", new Conv3d(filters, filters, 1, device));
    this.#dropout = this.child("dropout", new ChannelDropout(options.dropout));
  }

  forward(image: Tensor): Tensor {
    const size = image.shape.slice(2);
    if (size.some((n) => n % 16 !== 0)) {
      throw new Error(`VNet: the image is [${image.shape}]; its last three sizes must divide by 16`);
    }
    const skips: Tensor[] = [];
    let x = image;
    for (const [level, block] of this.#encoder.entries()) {
      x = block.forward(x);
      if (level < 4) {
        skips.push(x);
        x = this.#down[level]!.forward(x);
      }
    }
    x = this.#dropout.forward(x);
    for (const [i, block] of this.#decoder.entries()) {
      x = block.forward(this.#up[i]!.forward(x).add(skips[3 - i]!));
    }
    return this.#outConv.forward(this.#dropout.forward(x));
  }
}
