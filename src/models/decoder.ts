import { recomputedIf } from "../engine/recompute.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { ChannelDropout, Conv3d, type Dimensions, headsOfRelu } from "../nn/layers.js";
import { Module } from "../nn/module.js";
import type { Normalization } from "../nn/norm.js";
import { ConvBlock, UpBlock, type Upsampling } from "./vnet-blocks.js";

export interface DecoderOptions {
  readonly filters: number;
  readonly normalization: Normalization;
  /** Channel dropout on the bottom features and on the output, while training. */
  readonly dropout: number;
  readonly device: string;
  /** Levels, from the finest, whose features are found again for their gradients instead of kept; 0 to 5. Left out: 0. */
  readonly recomputeLevels?: number;
  /** Absent: 3. */
  readonly dimensions?: Dimensions;
}

const DECODER = ["six", "seven", "eight", "nine"] as const;

/** Makes a module the child of another, under a name. */
type Register = <M extends Module>(name: string, module: M) => M;

/** V-Net's way up: five levels of features, the finest first -> embedding z [B,filters,D,H,W]. Skips are added. */
export class WayUp {
  readonly #up: UpBlock[] = [];
  readonly #blocks: ConvBlock[] = [];
  readonly #outConv: Conv3d;
  readonly #dropout: ChannelDropout;
  readonly #recomputeLevels: number;

  constructor(register: Register, upsampling: Upsampling, options: DecoderOptions) {
    const { filters, device } = options;
    this.#recomputeLevels = options.recomputeLevels ?? 0;
    const width = (level: number) => filters * 2 ** level;
    for (const [i, name] of DECODER.entries()) {
      const level = 3 - i;
      const below = ["five", ...DECODER][i];
      const up = new UpBlock(width(level + 1), width(level), upsampling, options);
      this.#up.push(register(`block_${below}_up`, up));
      const convolutions = Math.min(level + 1, 3);
      const block = new ConvBlock(convolutions, width(level), width(level), options);
      this.#blocks.push(register(`block_${name}`, block));
    }
    this.#outConv = register("out_conv", new Conv3d(filters, filters, 1, device));
    this.#dropout = register("dropout", new ChannelDropout(options.dropout));
  }

  forward(levels: readonly Tensor[]): Tensor {
    return this.#outConv.forward(scope(() => this.#dropout.forward(this.#finest(levels))));
  }

  /** Scopes free what no gradient needs at once: at the finest level each tensor is as large as z. */
  #finest(levels: readonly Tensor[]): Tensor {
    let x = this.#dropout.forward(levels[4]!);
    for (const [i, block] of this.#blocks.entries()) {
      const part = recomputedIf(3 - i < this.#recomputeLevels);
      const joined = part([x, levels[3 - i]!], ([below, skip]) =>
        scope(() => this.#up[i]!.forward(below!).add(skip!)),
      );
      x = part([joined], ([y]) => block.forward(y!));
    }
    return x;
  }
}

/** A second opinion on an encoder's features: a way up of its own and a head. levels -> logits [B,C,D,H,W], float32 */
export class AuxiliaryDecoder extends Module {
  readonly #wayUp: WayUp;
  readonly #mean: Conv3d;

  constructor(upsampling: Upsampling, classes: number, options: DecoderOptions) {
    super();
    this.#wayUp = new WayUp((name, module) => this.child(name, module), upsampling, options);
    this.#mean = this.child("mean_l", new Conv3d(options.filters, classes, 1, options.device));
  }

  logits(levels: readonly Tensor[]): Tensor {
    return scope(() => headsOfRelu([this.#mean], this.#wayUp.forward(levels)).to("float32"));
  }
}
