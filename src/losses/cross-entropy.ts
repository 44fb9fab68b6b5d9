import { callOwn, type Tensor } from "../engine/tensor.js";

/**
 * Mean cross-entropy of a few classes at many voxels. logits [B,C,...], target [B,...] int64 -> scalar. In one pass each
 * way, where libtorch's operator writes maps of logarithms.
 * @throws Error for targets that are no whole numbers or no classes
 */
export function voxelCrossEntropy(logits: Tensor, target: Tensor): Tensor {
  const [b, c] = logits.shape as [number, number];
  const [distributions, labels] = [logits.reshape([b, 1, c, -1]), target.reshape([b, -1])];
  return callOwn("label_log_likelihood", distributions, labels).sum().div(-labels.numel());
}
