import type { SegmentationNetwork } from "../models/segmentation-network.js";

/** Runs `work` with a network in evaluation mode and puts its mode back. */
export function inEvaluation<T>(network: SegmentationNetwork, work: () => T): T {
  const { training } = network;
  network.evaluate();
  try {
    return work();
  } finally {
    network.train(training);
  }
}
