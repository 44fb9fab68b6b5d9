import { z } from "zod";
import { atLeast, between, later, leaf, oneOf, yesOrNo } from "./config-keys.js";

const millimetres = z.number().positive();
const margin = z.int().min(0);
const percentRange = z
  .tuple([z.number().min(0), z.number().max(100)])
  .refine(([low, high]) => low < high)
  .nullable();
const networkExtent = z.int().min(16).multipleOf(16);

/** `data`: how volumes become patches. */
export const dataSchema = z.strictObject({
  patchSize: leaf(
    z.tuple([z.int().min(1), networkExtent, networkExtent]),
    "[D, H, W], each a multiple of 16",
    "voxels of a training patch and a window of prediction; with model.dimensions=2 one slice, [1, H, W]",
  ),
  labeledPerBatch: atLeast(1, "labeled patches in a batch"),
  unlabeledPerBatch: atLeast(0, "unlabeled patches in a batch"),
  normalization: oneOf(["z-score", "z-score-foreground", "none"], "how intensities are brought to one scale"),
  windowHu: leaf(
    z
      .tuple([z.number(), z.number()])
      .refine(([low, high]) => low < high)
      .nullable(),
    "[low, high] with low < high, or null",
    "CT: clip to these Hounsfield units first",
  ),
  windowPercentiles: later(
    percentRange,
    null,
    "[low, high] from 0 to 100 with low < high, or null",
    "clip to these percentiles of each volume first",
  ),
  spacingMm: later(
    z.tuple([millimetres, millimetres, millimetres]).nullable(),
    null,
    "[D, H, W] in mm, or null",
    "voxel size that images are resampled to; null: as stored",
  ),
  imageInterpolation: later(
    z.enum(["linear", "cubic"]),
    "linear",
    'one of "linear", "cubic"',
    "how images are resampled",
  ),
  labelInterpolation: later(
    z.enum(["nearest", "one-hot-linear"]),
    "nearest",
    'one of "nearest", "one-hot-linear"',
    "how labels are resampled",
  ),
  crop: later(
    z.enum(["none", "foreground", "label-box"]),
    "none",
    'one of "none", "foreground", "label-box"',
    "what is kept: all, the box around what is not air, or the paper's box around the reference label (test cases too)",
  ),
  cropMargin: later(
    z.tuple([margin, margin, margin]),
    [0, 0, 0],
    "[D, H, W], whole numbers, at least 0",
    "voxels kept around that box",
  ),
  normalizeOver: later(
    z.enum(["volume", "crop"]),
    "volume",
    'one of "volume", "crop"',
    "voxels that mean and deviation are taken over",
  ),
  regionMask: oneOf(["positive", "all"], "where uncertainty is modelled: intensities above 0, or everywhere"),
  axisOrder: oneOf(
    ["RAS", "stored"],
    "axes as the network sees them: brought to RAS where files say how they lie, or as stored",
  ),
  rotate90: yesOrNo("random quarter turns in the axial plane"),
  flip: yesOrNo("random flips in the axial plane"),
  workers: between(0, 256, "threads that prepare patches; 0 prepares them in the training thread"),
  prefetch: between(1, 1024, "batches prepared ahead"),
});
