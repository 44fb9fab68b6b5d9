import { noGrad } from "../engine/autograd.js";
import { keep } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";

/** Named tensors, as in a PyTorch state dict. */
export type StateDict = Map<string, Tensor>;

/** A state that is another network's. */
export class StateMisfit extends Error {}

/** Copies a state into tensors of these names. @throws StateMisfit naming the first that is missing or has another shape. */
export function copyState(own: StateDict, state: StateDict): void {
  noGrad(() => {
    for (const [name, tensor] of own) {
      const given = state.get(name);
      if (!given) throw new StateMisfit(`the state lacks "${name}"`);
      if (given.shape.join() !== tensor.shape.join())
        throw new StateMisfit(`"${name}" is [${given.shape}] but this network's is [${tensor.shape}]`);
      tensor.copy_(given);
    }
  });
}

/** A part of a network: parameters (trained), buffers (running statistics) and children, each under a name. */
export abstract class Module {
  /** Training or evaluation behaviour of normalization and dropout; set it with `train()` and `evaluate()`. */
  training = true;
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #children = new Map<string, Module>();

  protected parameter(name: string, value: Tensor): Tensor {
    this.#refuseTaken(name);
    this.#parameters.set(name, keep(value).requireGrad());
    return value;
  }
  protected buffer(name: string, value: Tensor): Tensor {
    this.#refuseTaken(name);
    this.#buffers.set(name, keep(value));
    return value;
  }
  protected child<M extends Module>(name: string, module: M): M {
    this.#refuseTaken(name);
    this.#children.set(name, module);
    return module;
  }

  train(training = true): this {
    this.training = training;
    for (const child of this.#children.values()) child.train(training);
    return this;
  }
  evaluate(): this {
    return this.train(false);
  }

  /** Trained tensors by full name, in order of construction. */
  parameters(): StateDict {
    return new Map(this.#named((module) => module.#parameters));
  }
  /** Running statistics by full name. */
  buffers(): StateDict {
    return new Map(this.#named((module) => module.#buffers));
  }
  /** Parameters and buffers. The tensors are the module's own, not copies. */
  stateDict(): StateDict {
    return new Map([...this.parameters(), ...this.buffers()]);
  }

  /**
   * Copies a state into this module's tensors.
   * @throws StateMisfit naming the first tensor that is missing, has another shape, or that this module lacks.
   */
  loadState(state: StateDict): this {
    const own = this.stateDict();
    for (const name of state.keys()) {
      if (!own.has(name)) throw new StateMisfit(`the state has "${name}", which this network lacks`);
    }
    copyState(own, state);
    return this;
  }

  /** Frees every tensor of the module. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }

  #refuseTaken(name: string): void {
    if (this.#parameters.has(name) || this.#buffers.has(name) || this.#children.has(name)) {
      throw new Error(`Module: the name "${name}" is taken`);
    }
  }

  *#named(tensorsOf: (module: Module) => Map<string, Tensor>, prefix = ""): Generator<[string, Tensor]> {
    for (const [name, tensor] of tensorsOf(this)) yield [prefix + name, tensor];
    for (const [name, child] of this.#children) yield* child.#named(tensorsOf, `${prefix}${name}.`);
  }
}
