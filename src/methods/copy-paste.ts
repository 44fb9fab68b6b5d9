import { cat, ones, rand } from "../engine/make-tensor.js";
import { crossEntropy } from "../engine/ops.js";
import type { Tensor } from "../engine/tensor.js";
import { diceLoss } from "../losses/dice.js";

/** Target value of voxels that the cross-entropy leaves out. */
const LEFT_OUT = -100;

/**
 * 1 but in a box of `share` of each extent at a random place, 0 there: [1,1,D,H,W]. The same for a whole batch. Source:
 * Bai et al. 2023 (BCP), section 3.1. shape: [...,D,H,W]
 */
export function boxMask(shape: readonly number[], share: number, device: string): Tensor {
  const extents = shape.slice(-3);
  const draws = rand([3]).toFloat32Array();
  const mask = ones([1, 1, ...extents], { device });
  const box = extents.reduce((view, extent, axis) => {
    const size = Math.max(1, Math.floor(extent * share)); // a slice has no part along D
    const start = Math.floor(draws[axis]! * (extent - size + 1));
    return view.slice(axis + 2, start, start + size);
  }, mask);
  box.fill_(0);
  return mask;
}

/** Some of a tensor's rows, again where they are named again. */
export const rows = (x: Tensor, numbers: readonly number[]): Tensor =>
  cat(
    numbers.map((i) => x.slice(0, i, i + 1)),
    0,
  );

/** Where mask is 1 from `outer`, else from `inner`: images or labels of any type, the mask broadcast over the batch. */
export const pasted = (outer: Tensor, inner: Tensor, mask: Tensor): Tensor => {
  const here = mask.to(outer.dtype);
  return outer.mul(here).add(inner.mul(here.neg().add(1)));
};

/**
 * ½ (mean cross-entropy + Dice) over the voxels where mask is 1. logits [B,C,D,H,W], target [B,D,H,W] int64, mask
 * [1,1,D,H,W].
 */
export function maskedSupervisedLoss(logits: Tensor, target: Tensor, mask: Tensor): Tensor {
  const inside = mask.squeeze(1).to("int64");
  const counted = target.mul(inside).add(inside.neg().add(1).mul(LEFT_OUT));
  return crossEntropy(logits, counted)
    .add(diceLoss(logits, target, mask.squeeze(1)))
    .mul(0.5);
}

/** The loss of pasted images: of the part outside the box and of the part inside, each with its weight. */
export function pastedLoss(
  logits: Tensor,
  { outer, inner, mask }: { outer: Tensor; inner: Tensor; mask: Tensor },
  weights: { readonly outer: number; readonly inner: number },
): Tensor {
  const outside = maskedSupervisedLoss(logits, outer, mask);
  const inside = maskedSupervisedLoss(logits, inner, mask.neg().add(1));
  return outside.mul(weights.outer).add(inside.mul(weights.inner));
}
