import { recomputedIf } from "../engine/recompute.js";
import type { Tensor } from "../engine/tensor.js";
import type { Dimensions } from "../nn/layers.js";
import { Module } from "../nn/module.js";
import { type DecoderOptions, WayUp } from "./decoder.js";
import { ConvBlock, DownBlock } from "./vnet-blocks.js";

export interface VNetOptions extends DecoderOptions {
  readonly inChannels: number;
}

const LEVELS = ["one", "two", "three", "four", "five"] as const;

/**
 * V-Net as the semi-supervised literature uses it (Yu et al. 2019, UA-MT): skips are added, not concatenated.
 * image [B,I,D,H,W] -> embedding z [B,filters,D,H,W]; D, H, W divisible by 16. In two dimensions every slice goes through the
 * same blocks by itself: kernels are 1 wide along D, which may be any number and is never halved.
 * State names are the published implementation's (block_one.conv.0.weight …).
 */
export class VNet extends Module {
  readonly #encoder: ConvBlock[] = [];
  readonly #down: DownBlock[] = [];
  readonly #wayUp: WayUp;
  readonly #recomputeLevels: number;
  readonly #dimensions: Dimensions;

  constructor(options: VNetOptions) {
    super();
    const { inChannels, filters } = options;
    this.#recomputeLevels = options.recomputeLevels ?? 0;
    this.#dimensions = options.dimensions ?? 3;
    const width = (level: number) => filters * 2 ** level;
    for (const [level, name] of LEVELS.entries()) {
      const convolutions = Math.min(level + 1, 3);
      const channels = level === 0 ? inChannels : width(level);
      this.#encoder.push(
        this.child(`block_${name}`, new ConvBlock(convolutions, channels, width(level), options)),
      );
      if (level === 4) break;
      this.#down.push(this.child(`block_${name}_dw`, new DownBlock(width(level), width(level + 1), options)));
    }
    this.#wayUp = new WayUp((name, module) => this.child(name, module), "transposed", options);
  }

  forward(image: Tensor): Tensor {
    return this.#wayUp.forward(this.levels(image));
  }

  /** image [B,I,D,H,W] -> the encoder's features at each level, [B,filters·2^l,D/2^l (in 2-D D),H/2^l,W/2^l] for l = 0 ... 4 */
  levels(image: Tensor): Tensor[] {
    const last = this.#dimensions;
    if (image.shape.slice(-last).some((n) => n % 16 !== 0)) {
      throw new Error(
        `VNet: the image is [${image.shape}]; its last ${last === 3 ? "three" : "two"} sizes must divide by 16`,
      );
    }
    const levels: Tensor[] = [];
    let x = image;
    for (const [level, block] of this.#encoder.entries()) {
      const input = level === 0 ? x : this.#down[level - 1]!.forward(x);
      x = recomputedIf(level < this.#recomputeLevels)([input], ([y]) => block.forward(y!));
      levels.push(x);
    }
    return levels;
  }

  /** The encoder's levels -> embedding z */
  decode(levels: readonly Tensor[]): Tensor {
    return this.#wayUp.forward(levels);
  }
}
