import type { Batch } from "../data/batch.js";
import { fromArray } from "../engine/make-tensor.js";
import type { PatchBatch } from "../methods/method.js";

/** A batch of the loader as tensors on the device. */
export function toDevice(batch: Batch, device: string): PatchBatch {
  const { channels, labeled } = batch;
  const [d, h, w] = batch.patchSize;
  const voxels = d * h * w;
  const count = batch.images.length / (channels * voxels);
  return {
    images: fromArray(batch.images, [count, channels, d, h, w], device),
    region: fromArray(batch.region, [count, 1, d, h, w], device).to("float32"),
    labeled,
    labels: fromArray(batch.labels, [labeled, d, h, w], device).to("int64"),
    hostLabels: Array.from({ length: labeled }, (_, i) =>
      batch.labels.subarray(i * voxels, (i + 1) * voxels),
    ),
  };
}
