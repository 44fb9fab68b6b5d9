import { noGrad } from "../engine/autograd.js";
import { randn } from "../engine/make-tensor.js";
import { mostLikelyClass } from "../engine/ops.js";
import { withPrecision } from "../engine/precision.js";
import { OwnGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import { badInput } from "../errors.js";
import { sampleLogits } from "../models/stochastic-head.js";
import { mapAxes, type Triple } from "../volume/volume.js";
import type { Model, Scan, SegmentOptions } from "./model.js";
import { cropWindow, slidingWindow, type WindowFunction } from "./sliding-window.js";

/** Memory of the samples that are drawn in one go over a volume; more samples take several. */
const BYTES_AT_ONCE = 2 ** 30;

export interface SampleOptions extends Pick<SegmentOptions, "precision" | "onWindow"> {
  /** Even: samples come in pairs on both sides of the mean. */
  readonly samples: number;
}

/** @throws PenumbraError "bad-input" for a model without a trained distribution, or an odd number of samples. */
export function checkSamples({ stochastic, config }: Model, samples: number): void {
  if (samples < 2 || samples % 2 !== 0)
    throw badInput(
      `--samples is ${samples}: expected an even number of at least 2, since they come in pairs`,
    );
  if (!stochastic)
    throw badInput(
      `--samples: a run of method ${config.method} learns no distribution to draw from; leave it out, or use a method with samples (penumbra methods)`,
    );
}

/**
 * Label maps [D,H,W] that the model thinks possible: samples of the predicted distribution of all logits together,
 * given one by one to `take`, numbered from 0. A sample is one drawing for the whole volume: the noise behind the shared
 * factors is the same in every window and that of the voxels belongs to the voxel, so nothing breaks at a window's edge;
 * overlapping windows are averaged as logits. They are drawn with the config's seed: a scan's samples are always the
 * same. Outside the scan's region there is no doubt, as in training.
 * Source of the distribution: Monteiro et al. 2020, eq. 5, as arXiv 2111.10989 trains it.
 */
export async function drawSamples(
  model: Model,
  scan: Scan,
  options: SampleOptions,
  take: (labels: Uint8Array, index: number) => Promise<void>,
): Promise<void> {
  checkSamples(model, options.samples);
  const { config } = model;
  const { shape } = scan.grid;
  const { patchSize } = config.data;
  const padded = mapAxes((axis) => Math.max(shape[axis], patchSize[axis]));
  const logitBytes = 4 * config.model.classes * padded.reduce((product, n) => product * n);
  const pairsAtOnce = Math.max(1, Math.floor(BYTES_AT_ONCE / (3 * logitBytes)));
  const generators = OwnGenerators.seeded(config.seed, config.device);
  for (let pair = 0; pair < options.samples / 2; pair += pairsAtOnce) {
    const pairs = Math.min(pairsAtOnce, options.samples / 2 - pair);
    const drawn = generators.draw(() => drawPairs(model, scan, padded, pairs, options));
    for (const [i, labels] of drawn.entries()) await take(labels, 2 * pair + i);
  }
}

function drawPairs(
  model: Model,
  { image, region, grid: { shape } }: Scan,
  padded: Triple,
  pairs: number,
  options: SampleOptions,
): Uint8Array[] {
  const { config } = model;
  const { classes, rank } = config.model;
  const { device } = config;
  const stochastic = model.stochastic!;
  return noGrad(() =>
    scope(() => {
      const factor = randn([1, pairs, rank], { device });
      const diagonal = randn([1, pairs * classes, ...padded], { device });
      const run: WindowFunction = (patch, origin, inside) =>
        withPrecision(options.precision, device, () => {
          const distribution = stochastic.distribution(stochastic.embed(patch), inside);
          const here = cropWindow(diagonal, origin, config.data.patchSize).reshape([1, pairs, -1]);
          const { samples } = sampleLogits(distribution, { factor, diagonal: here }); // [1,2P,C,V]
          return samples.reshape([1, 2 * pairs * classes, ...config.data.patchSize]);
        });
      const mean = slidingWindow(image, shape, run, {
        patchSize: config.data.patchSize,
        stride: config.inference.stride,
        neighbours: config.model.neighbours,
        device,
        region,
        onWindow: options.onWindow,
      });
      return Array.from({ length: 2 * pairs }, (_, i) =>
        scope(() => mostLikelyClass(mean.slice(0, i * classes, (i + 1) * classes), 0)).toUint8Array(),
      );
    }),
  );
}
