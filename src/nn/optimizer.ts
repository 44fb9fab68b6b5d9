import { noGrad } from "../engine/autograd.js";
import { keep, scope } from "../engine/scope.js";
import { callVoid, type Tensor } from "../engine/tensor.js";
import { copyState, type StateDict } from "./module.js";

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

/**
 * Stochastic gradient descent with momentum and weight decay, PyTorch's form:
 * d = g + weightDecay·p; v = momentum·v + d; p -= lr·v. All parameters of one kind move in one call.
 */
export class Sgd {
  readonly #names: string[];
  readonly #parameters: Tensor[];
  readonly #velocities: Tensor[];

  constructor(
    parameters: StateDict,
    readonly options: SgdOptions,
  ) {
    this.#names = [...parameters.keys()];
    this.#parameters = [...parameters.values()];
    this.#velocities = noGrad(() => this.#parameters.map((p) => keep(p.detach().clone().zero_())));
  }

  /** Moves every parameter that has a gradient and clears the gradients. */
  step(learningRate: number): void {
    noGrad(() =>
      scope(() => {
        const { momentum, weightDecay } = this.options;
        const gradients = this.#parameters.map((p) => p.grad);
        const moved = gradients.flatMap((g, i) => (g ? [i] : []));
        const parameters = moved.map((i) => this.#parameters[i]!);
        const velocities = moved.map((i) => this.#velocities[i]!);
        if (moved.length === 0) return;
        callVoid("_foreach_mul_", "Scalar", velocities, momentum);
        callVoid(
          "_foreach_add_",
          "List",
          velocities,
          moved.map((i) => gradients[i]!),
          1,
        );
        callVoid("_foreach_add_", "List", velocities, parameters, weightDecay);
        callVoid("_foreach_add_", "List", parameters, velocities, -learningRate);
      }),
    );
    this.clearGradients();
  }

  clearGradients(): void {
    for (const p of this.#parameters) p.clearGrad();
  }

  /** Gradients by parameter name, where there are any. */
  gradients(): StateDict {
    const found = this.#names.map((name, i) => [name, this.#parameters[i]!.grad] as const);
    return new Map(found.filter((entry): entry is [string, Tensor] => entry[1] !== null));
  }

  /** Velocities by parameter name; the tensors are the optimizer's own. */
  stateDict(): StateDict {
    return new Map(this.#names.map((name, i) => [name, this.#velocities[i]!]));
  }

  loadState(state: StateDict): void {
    copyState(this.stateDict(), state);
  }

  dispose(): void {
    for (const velocity of this.#velocities) velocity.dispose();
  }
}

/** teacher = decay·teacher + (1 - decay)·student, parameters only. Source: Tarvainen & Valpola 2017. */
export function movingAverage_(teacher: StateDict, student: StateDict, decay: number): void {
  noGrad(() => {
    const averages = [...teacher.values()];
    callVoid("_foreach_mul_", "Scalar", averages, decay);
    callVoid("_foreach_add_", "List", averages, [...student.values()], 1 - decay);
  });
}
