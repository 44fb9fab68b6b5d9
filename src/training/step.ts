import { type Precision, withPrecision } from "../engine/precision.js";
import { Recomputation } from "../engine/recompute.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { NotFiniteError } from "../losses/not-finite.js";
import type { LossTerms, Method, PatchBatch } from "../methods/method.js";
import { clipGradients, gradientNorm } from "../nn/gradient-norm.js";
import type { Sgd } from "../nn/optimizer.js";
import { splitBatch } from "./split-batch.js";

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
  /** The batch is worked off in so many parts, whose gradients are averaged; left out: 1. */
  readonly parts?: number;
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
    optimizer.clearGradients(); // of parts before
    if (!(error instanceof NotFiniteError)) throw error;
    const figures = { terms: { [error.what]: Number.NaN }, weights: { [error.what]: 1 }, loss: Number.NaN };
    return { ...figures, gradientNorm: null, skipped: error.what };
  }
}

function attemptStep(method: Method, optimizer: Sgd, patches: PatchBatch, options: StepOptions): StepFigures {
  const { iteration, learningRate, clipNorm } = options;
  const batches = splitBatch(patches, options.parts ?? 1);
  const parts = batches.map((batch) => scope(() => gradientsOf(method, batch, batches.length, options)));
  const figures = meanOf(parts);
  const { loss } = figures;
  if (Object.keys(figures.terms).length === 0) return { ...figures, gradientNorm: null, skipped: null };
  if (!Number.isFinite(loss)) {
    optimizer.clearGradients();
    return { ...figures, gradientNorm: null, skipped: notFiniteTerm(figures.terms) };
  }
  const gradients = optimizer.gradients();
  const norm = gradientNorm(gradients);
  if (!Number.isFinite(norm)) {
    const skipped = notFiniteGradient(gradients);
    optimizer.clearGradients();
    return { ...figures, gradientNorm: norm, skipped };
  }
  if (clipNorm !== null) clipGradients(gradients, norm, clipNorm);
  optimizer.step(learningRate);
  method.afterStep(iteration);
  return { ...figures, gradientNorm: norm, skipped: null };
}

type Losses = Pick<StepFigures, "terms" | "weights" | "loss">;

/** Losses of one of `parts` parts of a batch; its share of the gradients is added to the parameters', if all is finite. */
function gradientsOf(
  method: Method,
  batch: PatchBatch,
  parts: number,
  { iteration, precision }: StepOptions,
): Losses {
  const pass = new Recomputation();
  try {
    const { device } = method.network.options;
    // a scope of their own: what only the losses needed is freed before the backward pass fills the memory
    const losses = () => scope(() => method.losses(batch, iteration));
    const terms = withPrecision(precision, device, () => pass.run(losses));
    const entries = Object.entries(terms);
    const figures = {
      terms: Object.fromEntries(entries.map(([name, { value }]) => [name, value.item()])),
      weights: Object.fromEntries(entries.map(([name, { weight }]) => [name, weight])),
    };
    if (entries.length === 0) return { ...figures, loss: 0 };
    const total = totalLoss(terms);
    const loss = total.item();
    if (Number.isFinite(loss)) pass.backward(parts === 1 ? total : total.div(parts));
    return { ...figures, loss };
  } finally {
    pass.dispose();
  }
}

/** Means over the parts; of a term over those that have it. */
function meanOf(parts: readonly Losses[]): Losses {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const names = [...new Set(parts.flatMap(({ terms }) => Object.keys(terms)))];
  const over = (key: "terms" | "weights") =>
    Object.fromEntries(
      names.map((name) => [
        name,
        mean(parts.flatMap((part) => (part[key][name] === undefined ? [] : [part[key][name]]))),
      ]),
    );
  return { terms: over("terms"), weights: over("weights"), loss: mean(parts.map(({ loss }) => loss)) };
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
