import type { Tensor } from "../engine/tensor.js";

const SMOOTH = 1e-5;

/** 1 - (2·Σpy + 1e-5) / (Σp² + Σy² + 1e-5) over all elements. probability and target: one shape -> scalar */
export function binaryDiceLoss(probability: Tensor, target: Tensor): Tensor {
  const overlap = probability.mul(target).sum().mul(2).add(SMOOTH);
  const size = probability.square().sum().add(target.square().sum()).add(SMOOTH);
  return overlap.div(size).neg().add(1);
}

/**
 * Dice loss over a whole batch, mean over the foreground classes (with two classes: the foreground's).
 * logits [B,C,...], target [B,...] int64, mask [B or 1,...] of 0 and 1: voxels that count, or null for all -> scalar. Source: arXiv 2111.10989, section 3.1 (Milletari et al. 2016).
 */
export function diceLoss(logits: Tensor, target: Tensor, mask: Tensor | null = null): Tensor {
  const [b, classes, ...space] = logits.shape;
  if (target.shape.join() !== [b, ...space].join()) {
    throw new Error(
      `diceLoss: logits are [${logits.shape}] but the target is [${target.shape}]; expected [B,C,...] and [B,...]`,
    );
  }
  const probabilities = logits.softmax(1);
  const counted = (x: Tensor) => (mask ? x.mul(mask) : x);
  const losses = Array.from({ length: classes! - 1 }, (_, i) =>
    binaryDiceLoss(counted(probabilities.select(1, i + 1)), counted(target.eq(i + 1).to("float32"))),
  );
  return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
}
