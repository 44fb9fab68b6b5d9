import { native } from "./libtorch.js";
import { scope } from "./scope.js";
import { Tensor } from "./tensor.js";

/** Seeds libtorch's generators on all devices. */
export const seedGenerators = (seed: number): void => native().seed(seed);

/** State of a device's default generator (uint8), to go on later exactly there. */
export const generatorState = (device: string): Tensor => new Tensor(native().generatorState(device));

/** `state`: on any device. */
export const restoreGeneratorState = (device: string, state: Tensor): void =>
  scope(() => native().setGeneratorState(device, state.toDevice("cpu").handle));
