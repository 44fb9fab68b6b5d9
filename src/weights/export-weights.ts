import { existsSync } from "node:fs";
import { join } from "node:path";
import { scope } from "../engine/scope.js";
import { badInput } from "../errors.js";
import { toTensors } from "../training/checkpoint.js";
import type { Config } from "../training/config.js";
import { methodEntry } from "../training/method-catalog.js";
import { readModelFile } from "../training/model-file.js";
import { misfitOf, readRun } from "../training/run-directory.js";
import { type HostTensor, writeSafetensors } from "../training/safetensors.js";
import { newNetwork } from "../training/stages.js";
import { packageVersion } from "../version.js";
import { reverseSpatialAxes, type SpatialAxes } from "./spatial-axes.js";

export interface ExportOptions {
  /** Run directory of a finished training, or of an import. */
  readonly run: string;
  /** A new file whose name ends in .safetensors. */
  readonly out: string;
  /** Order of the kernels' spatial axes in the file; left out: ours, "zyx" ([D, H, W]). */
  readonly axes?: SpatialAxes;
}

/** @throws PenumbraError "bad-input" when the name ends otherwise or the file is there */
export function checkNewFile(path: string): void {
  if (!/\.safetensors$/i.test(path)) throw badInput(`${path}: expected a name that ends in .safetensors`);
  if (existsSync(path))
    throw badInput(`${path} is already there and is never overwritten; name another with --out`);
}

/** What a file of ours says about its network, so that it can be read without its run. */
export const exportMetadata = ({ model }: Config, axes: SpatialAxes): Record<string, string> => ({
  format: "pt",
  penumbra: packageVersion(),
  spatial_axes: axes,
  ...Object.fromEntries(Object.entries(model).map(([key, value]) => [`model.${key}`, String(value)])),
});

const PREFIX = "network.";
/** What is saved of the network, by its own names. */
const ofNetwork = (saved: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> =>
  new Map(
    [...saved].flatMap(([name, tensor]): [string, HostTensor][] =>
      name.startsWith(PREFIX) ? [[name.slice(PREFIX.length), tensor]] : [],
    ),
  );

/** @throws PenumbraError "bad-input" where the weights are another network's than the configuration's, as `evaluate` does */
const checkFits = (
  tensors: ReadonlyMap<string, HostTensor>,
  path: string,
  config: Config,
  run: string,
): void =>
  scope(() => {
    const network = newNetwork({ ...config, device: "cpu" });
    const saved = toTensors(tensors, "cpu");
    const rest = methodEntry(config.method).segments ? [] : network.stateDict(); // a pretraining has a part of it
    try {
      network.loadState(new Map([...rest, ...saved]));
    } catch (error) {
      throw misfitOf(path, run, error);
    } finally {
      network.dispose();
    }
  });

/**
 * Writes the network of a run as one .safetensors file under the published implementation's names, and returns how
 * many tensors it holds. With axes "xyz" the published networks load it as it is.
 * @throws PenumbraError "bad-input": no finished run, or one whose weights don't fit its configuration; a file that is there
 */
export function exportWeights({ run, out, axes = "zyx" }: ExportOptions): number {
  checkNewFile(out);
  const { config } = readRun(run);
  const path = join(run, "model.safetensors");
  if (!existsSync(path)) throw badInput(`${path} is missing: the training is not finished`);
  const network = ofNetwork(readModelFile(path));
  checkFits(network, path, config, run);
  const tensors = [...network].map(([name, tensor]): [string, HostTensor] => [
    name,
    axes === "xyz" ? reverseSpatialAxes(tensor) : tensor,
  ]);
  writeSafetensors(out, new Map(tensors), exportMetadata(config, axes));
  return tensors.length;
}
