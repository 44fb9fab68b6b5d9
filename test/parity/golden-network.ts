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

/** A network of the size that a file of reference numbers was computed with, without dropout. */
export const networkLike = (golden: Golden, normalization: string): SegmentationNetwork =>
  new SegmentationNetwork({
    classes: Number(golden.metadata.num_classes ?? 2),
    filters: Number(golden.metadata.n_filters),
    rank: Number(golden.metadata.rank),
    normalization: NAMES[normalization]!,
    dropout: 0,
    device: "cpu",
  });
