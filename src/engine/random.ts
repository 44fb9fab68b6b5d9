import { native } from "./libtorch.js";
import { fromArray } from "./make-tensor.js";
import { scope } from "./scope.js";
import { Tensor } from "./tensor.js";

/** Seeds libtorch's generators on all devices. */
export const seedGenerators = (seed: number): void => native().seed(seed);

/** State of a device's default generator (uint8), to go on later exactly there. */
export const generatorState = (device: string): Tensor => new Tensor(native().generatorState(device));

/** `state`: on any device. */
export const restoreGeneratorState = (device: string, state: Tensor): void =>
  scope(() => native().setGeneratorState(device, state.toDevice("cpu").handle));

type States = ReadonlyMap<string, Uint8Array>;

const statesOf = (devices: Iterable<string>): States =>
  new Map([...devices].map((device) => [device, scope(() => generatorState(device).toUint8Array())]));

const restore = (states: States): void => {
  for (const [device, state] of states)
    scope(() => restoreGeneratorState(device, fromArray(state, [state.length])));
};

/**
 * Generators of one's own. libtorch has one for each device and process; where a training and a prediction, say, take
 * turns in a process, each draws as if it were alone.
 */
export class OwnGenerators {
  #states: States;

  /** The device's and the CPU's, as libtorch's are now. */
  constructor(device: string) {
    this.#states = statesOf(new Set(["cpu", device]));
  }

  static seeded(seed: number, device: string): OwnGenerators {
    const before = new OwnGenerators(device);
    seedGenerators(seed);
    const own = new OwnGenerators(device);
    restore(before.#states);
    return own;
  }

  /** Goes on from states that `stateDict` gave; a device that they lack goes on as it is. */
  loadState(saved: ReadonlyMap<string, Tensor>): void {
    this.#states = new Map(
      [...this.#states].map(([device, state]) => [device, saved.get(device)?.toUint8Array() ?? state]),
    );
  }

  stateDict(): Map<string, Tensor> {
    return new Map([...this.#states].map(([device, state]) => [device, fromArray(state, [state.length])]));
  }

  /** Runs `body`, which must not wait for anything, with these generators. */
  draw<T>(body: () => T): T {
    const others = statesOf(this.#states.keys());
    restore(this.#states);
    try {
      return body();
    } finally {
      this.#states = statesOf(this.#states.keys());
      restore(others);
    }
  }
}
