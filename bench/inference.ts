import { noGrad } from "#dist/engine/autograd.js";
import { libtorchFacts } from "#dist/engine/libtorch.js";
import { randn } from "#dist/engine/make-tensor.js";
import { type Precision, withPrecision } from "#dist/engine/precision.js";
import { seedGenerators } from "#dist/engine/random.js";
import { scope } from "#dist/engine/scope.js";
import { segment } from "#dist/inference/model.js";
import { windowStarts } from "#dist/inference/sliding-window.js";
import type { Config } from "#dist/training/config.js";
import { newNetwork } from "#dist/training/stages.js";
import type { Triple } from "#dist/volume/volume.js";
import { forwardFlops } from "./convolution-work.js";
import { matmulPeakGflops } from "./matmul-peak.js";
import { medians, peakRssGb } from "./measure.js";

export interface InferenceOptions {
  readonly config: Config;
  readonly shape: Triple;
  readonly precision: Precision;
  readonly repeats: number;
}

/** A whole volume by sliding window, beside one forward pass over one window, in turns. */
export function benchInference({ config, shape, precision, repeats }: InferenceOptions) {
  const { patchSize } = config.data;
  const { stride } = config.inference;
  seedGenerators(0);
  const network = newNetwork(config).evaluate();
  const model = { config, classNames: [], network, stochastic: null };
  const image = randn([...shape]).toFloat32Array();
  const patch = randn([1, 1, ...patchSize]);
  const forward = () =>
    noGrad(() =>
      scope(() => void withPrecision(precision, "cpu", () => network.meanLogits(network.embed(patch)))),
    );
  const volume = () =>
    void segment(model, { image, region: null, grid: { shape } }, { precision, uncertainty: false });
  const times = medians({ forward, volume }, repeats);
  const windows = shape
    .map((n, axis) => windowStarts(Math.max(n, patchSize[axis]!), patchSize[axis]!, stride[axis]!).length)
    .reduce((product, n) => product * n, 1);
  const voxels = patchSize.reduce((product, n) => product * n, 1);
  const peak = peakRssGb();
  const gflops = (windows * forwardFlops(network, voxels)) / times.volume / 1e9;
  return {
    shape,
    patch: patchSize,
    stride,
    precision,
    windows,
    seconds: times.volume,
    forwardSeconds: times.forward,
    timesWindowsByForward: times.volume / (windows * times.forward),
    peakRssGb: peak,
    gflops,
    shareOfPeak: gflops / matmulPeakGflops(precision),
    libtorch: libtorchFacts().version,
  };
}
