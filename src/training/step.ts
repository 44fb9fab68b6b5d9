import { type Precision, withPrecision } from "../engine/precision.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { NotFiniteError } from "../losses/not-finite.js";
import type { LossTerms, Method, PatchBatch } from "../methods/method.js";
import { clipGradients, gradientNorm } from "../nn/gradient-norm.js";
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
  /** Euclidean norm of all gradients, before clipping; null where nothing was optimized. */
  readonly gradientNorm: number | null;
  /** What was not finite, so that the parameters stayed as they were: "loss term dice"; null for a step taken. */
  readonly skipped: string | null;
}

export interface StepOptions {
  readonly iteration: number;
  readonly learningRate: number;
  readonly precision: Precision;
  /** Gradients of a larger norm are scaled down to it; null leaves them. */
  readonly clipNorm: number | null;
}

/**
 * One iteration: losses, gradients, parameters, the method's own follow-up. Every tensor made on the way is freed.
 * A loss or gradient that is not finite leaves the parameters as they were; `skipped` says what it was.
 */
export function trainStep(
  method: Method,
  optimizer: Sgd,
  batch: () => PatchBatch,
  options: StepOptions,
): StepFigures {
  try {
    return scope(() => attemptStep(method, optimizer, batch(), options));
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    const figures = { terms: { [error.what]: Number.NaN }, weights: { [error.what]: 1 }, loss: Number.NaN };
    return { ...figures, gradientNorm: null, skipped: error.what };
  }
}

function attemptStep(
  method: Method,
  optimizer: Sgd,
  patches: PatchBatch,
  { iteration, learningRate, precision, clipNorm }: StepOptions,
): StepFigures {
  const { device } = method.network.options;
  const terms = withPrecision(precision, device, () => method.losses(patches, iteration));
  const entries = Object.entries(terms);
  const figures = {
    terms: Object.fromEntries(entries.map(([name, { value }]) => [name, value.item()])),
    weights: Object.fromEntries(entries.map(([name, { weight }]) => [name, weight])),
  };
  if (entries.length === 0) return { ...figures, loss: 0, gradientNorm: null, skipped: null };
  const total = totalLoss(terms);
  const loss = total.item();
  if (!Number.isFinite(loss))
    return { ...figures, loss, gradientNorm: null, skipped: notFiniteTerm(figures.terms) };
  total.backward();
  const gradients = optimizer.gradients();
  const norm = gradientNorm(gradients);
  if (!Number.isFinite(norm)) {
    const skipped = notFiniteGradient(gradients);
    optimizer.clearGradients();
    return { ...figures, loss, gradientNorm: norm, skipped };
  }
  if (clipNorm !== null) clipGradients(gradients, norm, clipNorm);
  optimizer.step(learningRate);
  method.afterStep(iteration);
  return { ...figures, loss, gradientNorm: norm, skipped: null };
}

function notFiniteTerm(terms: Record<string, number>): string {
  const name = Object.entries(terms).find(([, value]) => !Number.isFinite(value))?.[0];
  return name ? `loss term ${name}` : "the sum of the loss terms";
}

/** The first parameter whose gradient is not finite; all may be, and only their squares too large. */
function notFiniteGradient(gradients: ReadonlyMap<string, Tensor>): string {
  const found = [...gradients].find(([name, g]) => !Number.isFinite(gradientNorm(new Map([[name, g]]))));
  return found ? `the gradient of ${found[0]}` : "the gradients' norm";
}
