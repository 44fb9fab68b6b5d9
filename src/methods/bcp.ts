import { noGrad } from "../engine/autograd.js";
import { cat, fromArray } from "../engine/make-tensor.js";
import { mostLikelyClass } from "../engine/ops.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { BcpPretrainingOptions } from "./bcp-pretraining.js";
import { boxMask, pasted, pastedLoss, rows } from "./copy-paste.js";
import { largestComponents } from "./largest-component.js";
import type { LossTerms, PatchBatch } from "./method.js";
import { TeacherMethod } from "./teacher-method.js";

export interface BcpOptions extends BcpPretrainingOptions {
  /** Weight of the voxels with pseudo labels; those with labels have 1. */
  readonly unlabeledWeight: number;
  readonly emaDecay: number;
  /** Keep only the largest component of each class in the pseudo labels. */
  readonly largestComponent: boolean;
}

/** A labeled and an unlabeled patch, by their numbers among their kind. */
interface Pair {
  readonly labeled: number;
  readonly unlabeled: number;
}

/**
 * Bidirectional copy-paste (Bai et al. 2023): a mean teacher labels the unlabeled patches; the student learns from
 * labeled patches with a box of an unlabeled one in them (inward) and the other way round (outward).
 */
export class Bcp extends TeacherMethod {
  constructor(
    network: SegmentationNetwork,
    teacher: SegmentationNetwork,
    readonly options: BcpOptions,
  ) {
    super(network, teacher, options.emaDecay);
  }

  losses(batch: PatchBatch, iteration: number): LossTerms {
    const [n, b] = [batch.labeled, batch.images.shape[0]!];
    const unlabeled = batch.images.slice(0, n, b);
    const guesses = this.#pseudoLabels(unlabeled);
    const [inward, outward] = pairsOf(n, b - n, iteration);
    const mask = boxMask(batch.images.shape, this.options.box, batch.images.device);
    const images = pasted(...sides(batch.images.slice(0, 0, n), unlabeled, inward, outward), mask);
    const logits = this.network.meanLogits(this.network.embed(images));
    const [outer, inner] = sides(batch.labels, guesses, inward, outward);
    const part = (from: number, to: number, weights: { outer: number; inner: number }) => {
      const cut = (x: Tensor) => x.slice(0, from, to);
      return scope(() => pastedLoss(cut(logits), { outer: cut(outer), inner: cut(inner), mask }, weights));
    };
    const [k, all, weight] = [inward.length, inward.length + outward.length, this.options.unlabeledWeight];
    const terms: LossTerms = {};
    if (k > 0) terms.inward = { value: part(0, k, { outer: 1, inner: weight }), weight: 1 };
    if (all > k) terms.outward = { value: part(k, all, { outer: weight, inner: 1 }), weight: 1 };
    return terms;
  }

  /** images [N,1,D,H,W] -> labels [N,D,H,W] int64 */
  #pseudoLabels(images: Tensor): Tensor {
    return noGrad(() =>
      scope(() => {
        const labels = mostLikelyClass(this.teacher.meanLogits(this.teacher.embed(images)));
        return this.options.largestComponent ? onlyLargest(labels) : labels;
      }),
    );
  }
}

/** Rows outside the box and rows inside it, of inward pairs and then of outward ones. */
function sides(
  labeled: Tensor,
  unlabeled: Tensor,
  inward: readonly Pair[],
  outward: readonly Pair[],
): [outer: Tensor, inner: Tensor] {
  const all = cat([labeled, unlabeled], 0);
  const known = (pair: Pair) => pair.labeled;
  const other = (pair: Pair) => labeled.shape[0]! + pair.unlabeled;
  return [
    rows(all, [...inward.map(known), ...outward.map(other)]),
    rows(all, [...inward.map(other), ...outward.map(known)]),
  ];
}

/**
 * As many pairs as the more numerous kind has patches, the others around again. Every second pair is pasted outward; an
 * odd number takes turns from iteration to iteration.
 */
function pairsOf(labeled: number, unlabeled: number, iteration: number): [inward: Pair[], outward: Pair[]] {
  const pairs = Array.from({ length: Math.max(labeled, unlabeled) }, (_, i) => ({
    labeled: i % labeled,
    unlabeled: i % unlabeled,
  }));
  const isOutward = (i: number) => (i + iteration) % 2 === 1;
  return [pairs.filter((_, i) => !isOutward(i)), pairs.filter((_, i) => isOutward(i))];
}

/** The largest component of each class of each map, found on the host. labels [N,D,H,W] int64 */
function onlyLargest(labels: Tensor): Tensor {
  const [n, d, h, w] = labels.shape as [number, number, number, number];
  const host = labels.toUint8Array();
  const voxels = d * h * w;
  for (let i = 0; i < n; i++) {
    const map = host.subarray(i * voxels, (i + 1) * voxels);
    map.set(largestComponents(map, [d, h, w]));
  }
  return fromArray(host, labels.shape, labels.device).to("int64");
}
