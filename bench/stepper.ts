import type { Precision } from "#dist/engine/precision.js";
import { scope } from "#dist/engine/scope.js";
import type { Tensor } from "#dist/engine/tensor.js";
import type { Method, PatchBatch } from "#dist/methods/method.js";
import { Sgd } from "#dist/nn/optimizer.js";
import { trainStep } from "#dist/training/step.js";

/** Until a tensor's device has worked off all that it was given. */
export const waitFor = (tensor: Tensor): void => scope(() => void tensor.mean().item());

/** Steps of a method on one batch, from an iteration on, so small that the network stays as it is. Each ends when its device is through. */
export function stepper(method: Method, batch: PatchBatch, start: number, precision: Precision, parts = 1) {
  const optimizer = new Sgd(method.parameters(), { momentum: 0.9, weightDecay: 1e-4 });
  let iteration = start;
  const last = [...method.parameters().values()].at(-1)!;
  const step = () => {
    trainStep(method, optimizer, () => batch, {
      iteration: iteration++,
      learningRate: 1e-4,
      precision,
      clipNorm: null,
      parts,
    });
    waitFor(last);
  };
  return { optimizer, step };
}
