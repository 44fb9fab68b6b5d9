import { callOwn, type Tensor } from "../engine/tensor.js";

/**
 * Negative log-likelihood of a label map under sampled logits, per voxel:
 * -mean_B[ logsumexp_s( Σ_v log softmax(logits_s)_{v,label} ) - log S ] / V.
 * samples [B,S,C,V], labels [B,V] int64 -> scalar. Source: arXiv 2111.10989, eq. 3-4 (Monteiro et al. 2020, eq. 6, whose code does
 * not divide by V).
 * @throws Error for labels that are no whole numbers or no classes
 */
export function monteCarloLikelihoodLoss(samples: Tensor, labels: Tensor): Tensor {
  const [, s, , v] = samples.shape as [number, number, number, number];
  const logLikelihood = callOwn("label_log_likelihood", samples, labels); // [B,S]
  return logLikelihood.logsumexp([1]).sub(Math.log(s)).mean().div(-v);
}
