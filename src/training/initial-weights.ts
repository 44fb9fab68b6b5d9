import { join } from "node:path";
import { noGrad } from "../engine/autograd.js";
import { badInput } from "../errors.js";
import { sha256OfFile } from "../files/checksum.js";
import { isThere } from "../files/there.js";
import { part } from "../methods/method.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { readState } from "./checkpoint.js";
import type { Config } from "./config.js";

/** Heads whose shape follows from the classes; another data set's are left out. */
const OF_THE_CLASSES = /^(mean_l|log_cov_diag_l|cov_factor_l)\./;

/** The file of a finished run's weights. @throws PenumbraError "bad-input" when the run is not finished */
export function weightsOf(run: string): string {
  const path = join(run, "model.safetensors");
  if (isThere(path)) return path;
  throw badInput(`--init ${run}: it has no model.safetensors; name the directory of a finished run`);
}

/** SHA-256 of the weights that a configuration names; undefined where it names none. */
export const initialSum = ({ init }: Config): string | undefined =>
  init === null ? undefined : sha256OfFile(weightsOf(init));

/**
 * The network's weights that another run ended with, or the part of them that it trained (a pretraining's encoder).
 * @throws PenumbraError "bad-input" when that run is not finished.
 */
export function readInitialWeights(run: string, device: string): StateDict {
  return part(readState(weightsOf(run), device), "network");
}

/**
 * Copies initial weights into a new network; what they lack stays as it was drawn.
 * @throws PenumbraError "bad-input" for a weight of another shape, except in heads that follow from the classes.
 */
export function startFrom(network: SegmentationNetwork, initial: StateDict): SegmentationNetwork {
  const own = network.stateDict();
  noGrad(() => {
    for (const [name, given] of initial) {
      const tensor = own.get(name);
      const fits = tensor?.shape.join() === given.shape.join();
      if (fits) tensor!.copy_(given);
      else if (!OF_THE_CLASSES.test(name)) throw badInput(misfit(name, given, tensor?.shape));
    }
  });
  return network;
}

const misfit = (name: string, given: { shape: number[] }, own: number[] | undefined): string =>
  `--init: "${name}" is [${given.shape}] there but ${own ? `[${own}]` : "not part of the network"} here; ` +
  "set the model.* keys as in that run (its config.json)";
