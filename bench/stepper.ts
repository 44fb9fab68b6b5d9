import type { Precision } from "#dist/engine/precision.js";
import type { Method, PatchBatch } from "#dist/methods/method.js";
import { Sgd } from "#dist/nn/optimizer.js";
import { trainStep } from "#dist/training/step.js";

/** Steps of a method on one batch, from an iteration on, so small that the network stays as it is. */
export function stepper(method: Method, batch: PatchBatch, start: number, precision: Precision, parts = 1) {
  const optimizer = new Sgd(method.parameters(), { momentum: 0.9, weightDecay: 1e-4 });
  let iteration = start;
  const step = () =>
    void trainStep(method, optimizer, () => batch, {
      iteration: iteration++,
      learningRate: 1e-4,
      precision,
      clipNorm: null,
      parts,
    });
  return { optimizer, step };
}
