import { call, type Tensor } from "../engine/tensor.js";

/**
 * Negative log-likelihood of a label map under sampled logits, per voxel:
 * -mean_B[ logsumexp_s( Σ_v log softmax(logits_s)_{v,label} ) - log S ] / V.
 * samples [B,S,C,V], labels [B,V] int64 -> scalar. Source: arXiv 2111.10989, eq. 3-4 (Monteiro et al. 2020, eq. 6).
 */
export function monteCarloLikelihoodLoss(samples: Tensor, labels: Tensor): Tensor {
  const [b, s, c, v] = samples.shape as [number, number, number, number];
  const target = labels
    .unsqueeze(1)
    .expand([b, s, v])
    .reshape([b * s, v]);
  const perVoxel = call("cross_entropy_loss", "", samples.reshape([b * s, c, v]), target, null, 0);
  const logLikelihood = perVoxel.reshape([b, s, v]).sum([2]).neg();
  return logLikelihood.logsumexp([1]).sub(Math.log(s)).mean().div(-v);
}
