import { seedGenerators } from "#dist/engine/random.js";
import { scope } from "#dist/engine/scope.js";
import type { Tensor } from "#dist/engine/tensor.js";
import { prototypeContrast } from "#dist/losses/prototype-contrast.js";
import { PrototypeEstimation } from "#dist/methods/prototype-estimation.js";
import { Supervised, supervisedLoss } from "#dist/methods/supervised.js";
import { Sgd } from "#dist/nn/optimizer.js";
import { resolveConfig } from "#dist/training/config.js";
import { newNetwork } from "#dist/training/stages.js";
import { trainStep } from "#dist/training/step.js";
import { madeUpBatch } from "./made-up-batch.js";

export interface PrototypesOptions {
  readonly preset: string;
  /** Steps of supervised training before it is looked at. */
  readonly steps: number;
  readonly temperatures: readonly number[];
}

/** The prototype contrast at one temperature, on a network that was trained a little. */
export interface PrototypeFigures {
  readonly temperature: number;
  readonly background: "ignored" | "included";
  /** Its value with the right labels, and with foreground and background exchanged. */
  readonly right: number;
  readonly wrong: number;
  /** Norm of its gradient in the embedding, over that of the supervised loss. */
  readonly gradient: number;
}

/** What the prototype contrast's temperature does to its value and to its gradient. */
export function benchPrototypes({ preset, steps, temperatures }: PrototypesOptions): PrototypeFigures[] {
  const config = resolveConfig({ preset });
  seedGenerators(0);
  const batch = madeUpBatch(2, 0, config.data.patchSize);
  const method = new Supervised(newNetwork(config));
  const optimizer = new Sgd(method.parameters(), config.optimizer);
  for (let iteration = 0; iteration < steps; iteration++)
    trainStep(method, optimizer, () => batch, {
      iteration,
      learningRate: 0.01,
      precision: "fp32",
      clipNorm: null,
    });
  const estimation = new PrototypeEstimation(method.network);
  estimation.losses(batch);
  const prototypes = estimation.estimators.get("features")!;
  const gradientOf = (loss: (z: Tensor) => Tensor): number =>
    scope(() => {
      const z = method.network.embed(batch.images).detach().requireGrad();
      loss(z).backward();
      return Math.sqrt(z.grad!.square().sum().item());
    });
  const reference = gradientOf((z) => supervisedLoss(method.network.meanLogits(z), batch.labels));
  const right = batch.labels;
  const exchanged = right.neg().add(1);
  return temperatures.flatMap((temperature) =>
    (["ignored", "included"] as const).map((background) => {
      const ignoreClass = background === "ignored" ? 0 : null;
      const loss = (z: Tensor, labels: Tensor) =>
        prototypeContrast(z, labels, prototypes, { temperature, ignoreClass })!;
      const scoreOf = (labels: Tensor) =>
        scope(() => loss(method.network.embed(batch.images), labels).item());
      return {
        temperature,
        background,
        right: scoreOf(right),
        wrong: scoreOf(exchanged),
        gradient: gradientOf((z) => loss(z, right)) / reference,
      };
    }),
  );
}
