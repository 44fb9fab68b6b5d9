import type { Tensor } from "../engine/tensor.js";

/**
 * Mean over voxels and classes of the squared difference of two predictions' probabilities, counting only the voxels
 * where `kept` is 1; 0 where it keeps none. logits [B,C,D,H,W] each, kept [B,1,D,H,W] of 0 and 1 or null for all.
 * Source: Yu et al. 2019 (UA-MT), eq. 5.
 */
export function probabilityDifference(a: Tensor, b: Tensor, kept: Tensor | null = null): Tensor {
  const squares = a.softmax(1).sub(b.softmax(1)).square();
  if (!kept) return squares.mean();
  return squares.mul(kept).sum().div(kept.sum().mul(a.shape[1]!).clamp(1));
}
