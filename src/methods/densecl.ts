import { noGrad } from "../engine/autograd.js";
import { cat } from "../engine/make-tensor.js";
import { keep, scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { atPlaces, correspondence, infoNce } from "../losses/dense-contrast.js";
import { DenseHeads, type Projected, placeRows } from "../models/dense-heads.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { movingAverage_ } from "../nn/optimizer.js";
import { type LossTerms, type Method, type PatchBatch, under } from "./method.js";
import { NegativeQueue } from "./negative-queue.js";
import { randomView, type ViewOptions } from "./random-view.js";

export interface DenseClOptions extends ViewOptions {
  /** Keys of earlier batches that are kept as negatives, in each of two queues. */
  readonly queue: number;
  /** Length of the projected features. */
  readonly size: number;
  readonly temperature: number;
  /** Of the dense contrast; the global one has the rest of 1. */
  readonly denseWeight: number;
  /** Decay of the key encoder's moving average. */
  readonly momentum: number;
}

/** Seen by an encoder and its heads: the bottom features [B,C,D,H,W] and their projections. */
interface Seen extends Projected {
  readonly features: Tensor;
}

/** Parts of the network that are trained. */
const ENCODER = /^block_(one|two|three|four|five)(_dw)?\./;

/**
 * DenseCL (Wang et al. 2021) on V-Net's encoder: of two random views of a patch, the whole and every place of the one
 * shall be told from earlier patches' by its match in the other. No labels. What it leaves is an encoder to start from.
 */
export class DenseCl implements Method {
  readonly #heads: DenseHeads;
  readonly #keyHeads: DenseHeads;
  readonly #queues: { readonly global: NegativeQueue; readonly dense: NegativeQueue };
  /** This iteration's, which become negatives after it. */
  #keys: { readonly global: Tensor; readonly dense: Tensor } | null = null;

  /** `keyNetwork` starts as a copy of `network` and follows it. */
  constructor(
    readonly network: SegmentationNetwork,
    readonly keyNetwork: SegmentationNetwork,
    readonly options: DenseClOptions,
  ) {
    const { filters, device } = network.options;
    const { size, queue } = options;
    this.#heads = new DenseHeads(16 * filters, size, device);
    this.#keyHeads = new DenseHeads(16 * filters, size, device);
    this.#keyHeads.loadState(this.#heads.stateDict());
    this.#queues = {
      global: new NegativeQueue(queue, size, device),
      dense: new NegativeQueue(queue, size, device),
    };
    for (const module of [keyNetwork, this.#keyHeads])
      for (const parameter of module.parameters().values()) parameter.requireGrad(false);
  }

  losses(batch: PatchBatch): LossTerms {
    const { temperature, denseWeight } = this.options;
    const query = see(this.network, this.#heads, this.#views(batch.images));
    const key = noGrad(() => scope(() => see(this.keyNetwork, this.#keyHeads, this.#views(batch.images))));
    const global = scope(() => infoNce(query.global, key.global, this.#queues.global.rows, temperature));
    const dense = scope(() => denseContrast(query, key, this.#queues.dense.rows, temperature));
    this.#forgetKeys();
    this.#keys = { global: keep(key.global.clone()), dense: keep(key.pooled.clone()) };
    return {
      ...(denseWeight < 1 && { global: { value: global, weight: 1 - denseWeight } }),
      ...(denseWeight > 0 && { dense: { value: dense, weight: denseWeight } }),
    };
  }

  #views(images: Tensor): Tensor {
    const each = Array.from({ length: images.shape[0]! }, (_, i) =>
      scope(() => randomView(images.slice(0, i, i + 1), this.options)),
    );
    return cat(each, 0);
  }

  parameters(): StateDict {
    const encoder = [...this.network.parameters()].filter(([name]) => ENCODER.test(name));
    return new Map([...encoder, ...under("heads", this.#heads.parameters())]);
  }
  afterStep(): void {
    const { momentum } = this.options;
    movingAverage_(this.keyNetwork.parameters(), this.network.parameters(), momentum);
    movingAverage_(this.#keyHeads.parameters(), this.#heads.parameters(), momentum);
    if (!this.#keys) return;
    this.#queues.global.push(this.#keys.global);
    this.#queues.dense.push(this.#keys.dense);
    this.#forgetKeys();
  }
  #forgetKeys(): void {
    for (const keys of Object.values(this.#keys ?? {})) keys.dispose();
    this.#keys = null;
  }
  state(): StateDict {
    return new Map([
      ...under("network", this.network.stateDict()),
      ...under("heads", this.#heads.stateDict()),
      ...under("key.network", this.keyNetwork.stateDict()),
      ...under("key.heads", this.#keyHeads.stateDict()),
      ...under("queue.global", this.#queues.global.stateDict()),
      ...under("queue.dense", this.#queues.dense.stateDict()),
    ]);
  }
  dispose(): void {
    this.#forgetKeys();
    for (const part of [this.network, this.keyNetwork, this.#heads, this.#keyHeads]) part.dispose();
    for (const queue of Object.values(this.#queues)) queue.dispose();
  }
}

/** The tensors of a network's state that DenseCL trains. */
export const encoderOf = (state: StateDict): StateDict =>
  new Map([...state].filter(([name]) => ENCODER.test(name)));

function see(network: SegmentationNetwork, heads: DenseHeads, images: Tensor): Seen {
  const features = network.encode(images)[4]!;
  return { features, ...heads.forward(features) };
}

/** Each place of the query view against its match in the key view: the place with the most similar encoder features. */
function denseContrast(query: Seen, key: Seen, negatives: Tensor, temperature: number): Tensor {
  const places = correspondence(placeRows(query.features), placeRows(key.features));
  const size = query.dense.shape[2]!;
  const matched = atPlaces(key.dense, places).reshape([-1, size]);
  return infoNce(query.dense.reshape([-1, size]), matched, negatives, temperature);
}
