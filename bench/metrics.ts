import { makePhantom } from "#dist/demo/phantom.js";
import { scoreCase } from "#dist/metrics/score.js";
import type { Triple } from "#dist/volume/volume.js";
import { medians } from "./measure.js";

/** Every second voxel along each axis of a label map, twice in a row: a shape with the same boundary, coarser. */
function coarser(labels: Uint8Array, [d, h, w]: Triple): Uint8Array {
  const out = new Uint8Array(labels.length);
  for (let z = 0, i = 0; z < d; z++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++, i++) out[i] = labels[((z & ~3) * h + (y & ~3)) * w + (x & ~3)]!;
  return out;
}

/** All four scores of one pair: a phantom's atrium that fills the volume, and a coarser copy of it. */
export function benchMetrics({ shape, repeats }: { shape: Triple; repeats: number }) {
  const grid = { shape, spacingMm: [1, 0.7, 0.7] as Triple, affine: null };
  const { label } = makePhantom(0, 0, shape);
  const [reference, prediction] = [
    { grid, data: label },
    { grid, data: coarser(label, shape) },
  ];
  let score = scoreCase("pair", prediction, reference, ["background", "atrium"])[0]!;
  const all = () => {
    score = scoreCase("pair", prediction, reference, ["background", "atrium"])[0]!;
  };
  const { all: seconds } = medians({ all }, repeats);
  const foreground = label.reduce((sum, value) => sum + value, 0);
  return { shape, foregroundVoxels: foreground, seconds, ...score };
}
