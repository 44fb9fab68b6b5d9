import { SegmentationNetwork } from "../../src/models/segmentation-network.js";
import type { Normalization } from "../../src/nn/norm.js";
import type { Golden } from "./golden.js";

/** The published code's words for normalization, and ours. */
const NAMES: Record<string, Normalization> = {
  batchnorm: "batch",
  instancenorm: "instance",
  groupnorm: "group",
  none: "none",
};

/** The sizes of the network whose state a file holds under "prefix.". */
export function sizesOf(golden: Golden, prefix: string) {
  const [classes, filters] = golden.raw(`${prefix}.mean_l.weight`).shape as [number, number];
  const rank = golden.raw(`${prefix}.cov_factor_l.weight`).shape[0]! / classes;
  const inChannels = golden.raw(`${prefix}.block_one.conv.0.weight`).shape[1]!;
  return { classes, filters, rank, inChannels };
}

/** The network whose state a file holds under "prefix.", without dropout. Files of a step do not name the normalization. */
export function networkLike(golden: Golden, prefix: string): SegmentationNetwork {
  const normalization = NAMES[golden.metadata.normalization ?? "batchnorm"];
  if (!normalization) throw new Error(`${golden.file}: no normalization "${golden.metadata.normalization}"`);
  const network = new SegmentationNetwork({
    ...sizesOf(golden, prefix),
    normalization,
    dropout: 0,
    device: "cpu",
  });
  const isNoise = (name: string) => name.startsWith("eps_"); // of a step, beside the state
  return network.loadState(new Map([...golden.state(prefix)].filter(([name]) => !isNoise(name))));
}
