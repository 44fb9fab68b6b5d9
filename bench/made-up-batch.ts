import { makePhantom } from "#dist/demo/phantom.js";
import { fromArray } from "#dist/engine/make-tensor.js";
import type { PatchBatch } from "#dist/methods/method.js";
import type { Triple } from "#dist/volume/volume.js";

/** Phantoms as patches: images with the boundaries of a real atrium, without real data. Outlives every scope. */
export function madeUpBatch(
  labeled: number,
  unlabeled: number,
  [d, h, w]: Triple,
  device = "cpu",
): PatchBatch {
  const voxels = d * h * w;
  const count = labeled + unlabeled;
  const images = new Float32Array(count * voxels);
  const labels = new Uint8Array(labeled * voxels);
  for (let i = 0; i < count; i++) {
    const { image, label } = makePhantom(0, i, [d, h, w]);
    const mean = image.reduce((sum, x) => sum + x, 0) / voxels;
    const deviation = Math.sqrt(image.reduce((sum, x) => sum + (x - mean) ** 2, 0) / voxels);
    images.set(
      image.map((x) => (x - mean) / deviation),
      i * voxels,
    );
    if (i < labeled) labels.set(label, i * voxels);
  }
  return {
    images: fromArray(images, [count, 1, d, h, w], device),
    region: fromArray(new Float32Array(count * voxels).fill(1), [count, 1, d, h, w], device),
    labeled,
    labels: fromArray(labels, [labeled, d, h, w], device).to("int64"),
    hostLabels: Array.from({ length: labeled }, (_, i) => labels.subarray(i * voxels, (i + 1) * voxels)),
  };
}
