import { freemem } from "node:os";
import { badInput } from "../errors.js";
import type { Config } from "./config.js";
import { methodEntry } from "./method-catalog.js";

/** Bytes held by each voxel and filter of a patch from the forward to the backward pass (measured in float32). */
const BYTES_PER_VOXEL_AND_FILTER = 100;
/** Copies of the sampled logits alive at once: draws, samples, probabilities and gradients. */
const COPIES_OF_SAMPLES = 6;

/** A rough upper estimate of a training step's memory in bytes. */
export function estimateStepBytes(config: Config): number {
  const { patchSize, labeledPerBatch, unlabeledPerBatch } = config.data;
  const voxels = (labeledPerBatch + unlabeledPerBatch) * patchSize.reduce((product, n) => product * n, 1);
  const decoders = config.method === "mc-net" ? 3 : 1; // each counted as a whole network: an upper estimate
  const network = voxels * config.model.filters * BYTES_PER_VOXEL_AND_FILTER * decoders;
  const drawn = config.method === "ssn" ? config.ssn.samples : config.stage1.samples;
  const samples = voxels * config.model.classes * drawn * 4 * COPIES_OF_SAMPLES;
  return network + (methodEntry(config.method).samples ? samples : 0);
}

/** @throws PenumbraError "bad-input" when a step can't fit into what the machine has free. */
export function checkMemory(config: Config): void {
  if (config.device !== "cpu") return;
  const [needed, free] = [estimateStepBytes(config), freemem()]; // caches included, on Linux
  if (needed <= free) return;
  const gb = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw badInput(
    `data.patchSize [${config.data.patchSize.join(", ")}] needs about ${gb(needed)} of memory for each step, ` +
      `${gb(free)} are free; make the patch smaller (--set data.patchSize=[48,64,64]) or model.filters fewer`,
  );
}
