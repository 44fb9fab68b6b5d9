import { existsSync } from "node:fs";
import { join } from "node:path";
import { badInput } from "../errors.js";
import type { Config } from "../training/config.js";
import { readModelFile } from "../training/model-file.js";
import { readRun } from "../training/run-directory.js";
import { type HostTensor, writeSafetensors } from "../training/safetensors.js";
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

/**
 * Writes the network of a run as one .safetensors file under the published implementation's names, and returns how
 * many tensors it holds. With axes "xyz" the published networks load it as it is.
 * @throws PenumbraError "bad-input": no finished run, a file that is there
 */
export function exportWeights({ run, out, axes = "zyx" }: ExportOptions): number {
  checkNewFile(out);
  const { config } = readRun(run);
  const path = join(run, "model.safetensors");
  if (!existsSync(path)) throw badInput(`${path} is missing: the training is not finished`);
  const network = [...readModelFile(path)].filter(([name]) => name.startsWith(PREFIX));
  const tensors = network.map(([name, tensor]): [string, HostTensor] => [
    name.slice(PREFIX.length),
    axes === "xyz" ? reverseSpatialAxes(tensor) : tensor,
  ]);
  writeSafetensors(out, new Map(tensors), exportMetadata(config, axes));
  return tensors.length;
}
