import { cat } from "../engine/make-tensor.js";
import type { Tensor } from "../engine/tensor.js";
import { type LogitDistribution, logitDistribution } from "./stochastic-head.js";

/** The distribution of these moments: what the head would have said. A diagonal under 2e-5 lies outside the region. */
export function distributionOf(mean: Tensor, diagonal: Tensor, factor: Tensor): LogitDistribution {
  const logarithm = diagonal.sub(2e-5).clamp(1e-30).log();
  const region = diagonal.amax([1], true).lt(1.5e-5).to("float32").neg().add(1);
  return logitDistribution(cat([mean, logarithm, factor], 1), mean.shape[1]!, region);
}
