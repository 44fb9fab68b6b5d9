import { noGrad } from "../engine/autograd.js";
import { cat, zeros } from "../engine/make-tensor.js";
import { crossEntropy, unitLength } from "../engine/ops.js";
import { inFloat32 } from "../engine/precision.js";
import type { Tensor } from "../engine/tensor.js";

/**
 * InfoNCE: -log exp(q·k/τ) / (exp(q·k/τ) + Σ_n exp(q·n/τ)), mean over the queries. queries and keys [N,E] in pairs,
 * negatives [Q,E], all of unit length -> scalar. Source: He et al. 2020 (MoCo), eq. 1.
 */
export const infoNce = (queries: Tensor, keys: Tensor, negatives: Tensor, temperature: number): Tensor =>
  inFloat32(() => {
    const positive = queries.mul(keys).sum([1], true);
    const negative = queries.matmul(negatives.transpose(0, 1));
    const logits = cat([positive, negative], 1).div(temperature);
    const first = zeros([queries.shape[0]!], { dtype: "int64", device: queries.device });
    return crossEntropy(logits, first);
  });

/**
 * For each place of one view the place of the other whose features are most similar (cosine), per image.
 * a [B,S,C] and b [B,T,C] -> [B,S] int64. Source: Wang et al. 2021 (DenseCL), eq. 3.
 */
export const correspondence = (a: Tensor, b: Tensor): Tensor =>
  noGrad(() => inFloat32(() => unitLength(a, 2).bmm(unitLength(b, 2).transpose(1, 2)).argmax(2)));

/** The rows of each image that `places` names. keys [B,T,E], places [B,S] int64 -> [B,S,E] */
export function atPlaces(keys: Tensor, places: Tensor): Tensor {
  const [b, t, e] = keys.shape as [number, number, number];
  const rows = keys.reshape([b * t, e]);
  const images = Array.from({ length: b }, (_, i) => places.slice(0, i, i + 1).add(i * t));
  return rows.indexSelect(0, cat(images, 0).reshape([-1])).reshape([b, places.shape[1]!, e]);
}
