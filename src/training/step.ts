import { type Precision, withPrecision } from "../engine/precision.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { LossTerms, Method, PatchBatch } from "../methods/method.js";
import type { Sgd } from "../nn/optimizer.js";

/** Sum of weight · value. @throws Error when there are no terms. */
export function totalLoss(terms: LossTerms): Tensor {
  const weighted = Object.values(terms).map(({ value, weight }) => value.mul(weight));
  return weighted.reduce((sum, term) => sum.add(term));
}

/** What a step leaves for the log: every term's value before its weight, and the total. */
export interface StepFigures {
  readonly terms: Record<string, number>;
  readonly weights: Record<string, number>;
  readonly loss: number;
}

/**
 * One iteration: losses, gradients, parameters, the method's own follow-up. Every tensor made on the way is freed.
 * A total that is not finite leaves the parameters as they were; the caller sees it in the figures.
 */
export function trainStep(
  method: Method,
  optimizer: Sgd,
  batch: () => PatchBatch,
  { iteration, learningRate, precision }: { iteration: number; learningRate: number; precision: Precision },
): StepFigures {
  return scope(() => {
    const { device } = method.network.options;
    const patches = batch();
    const terms = withPrecision(precision, device, () => method.losses(patches, iteration));
    const entries = Object.entries(terms);
    const figures = {
      terms: Object.fromEntries(entries.map(([name, { value }]) => [name, value.item()])),
      weights: Object.fromEntries(entries.map(([name, { weight }]) => [name, weight])),
    };
    if (entries.length === 0) return { ...figures, loss: 0 };
    const total = totalLoss(terms);
    const value = total.item();
    if (!Number.isFinite(value)) return { ...figures, loss: value };
    total.backward();
    optimizer.step(learningRate);
    method.afterStep(iteration);
    return { ...figures, loss: value };
  });
}
