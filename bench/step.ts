import { noGrad } from "#dist/engine/autograd.js";
import { libtorchFacts } from "#dist/engine/libtorch.js";
import { type Precision, withPrecision } from "#dist/engine/precision.js";
import { seedGenerators } from "#dist/engine/random.js";
import { scope } from "#dist/engine/scope.js";
import type { Method, PatchBatch } from "#dist/methods/method.js";
import type { SegmentationNetwork } from "#dist/models/segmentation-network.js";
import type { Sgd } from "#dist/nn/optimizer.js";
import type { Config } from "#dist/training/config.js";
import { stagesOf } from "#dist/training/stages.js";
import { forwardFlops } from "./convolution-work.js";
import { madeUpBatch } from "./made-up-batch.js";
import { matmulPeakGflops } from "./matmul-peak.js";
import { medians, peakRssGb } from "./measure.js";
import { stepper, waitFor } from "./stepper.js";

export interface StepFigures {
  readonly stage: 1 | 2;
  readonly patch: readonly number[];
  readonly precision: Precision;
  readonly device: string;
  readonly classes: number;
  readonly anchors: number;
  readonly samples: number;
  readonly recomputeLevels: number;
  readonly parts: number;
  /** Median of a whole step. */
  readonly seconds: number;
  readonly peakRssGb: number;
  /** Median of what any such method must do: student forward and backward on all patches, one forward on the unlabeled. */
  readonly bareNetworkSeconds: number;
  /** (seconds - bareNetworkSeconds) / bareNetworkSeconds */
  readonly overhead: number;
  /** Of the convolutions, over the whole step's time. */
  readonly gflops: number;
  readonly matmulPeakGflops: number;
  readonly shareOfPeak: number;
  readonly libtorch: string;
}

export interface StepOptions {
  readonly config: Config;
  readonly stage: 1 | 2;
  readonly precision: Precision;
  readonly repeats: number;
}

/** Median step of a stage of AUA, beside the bare network's work, both in this process and in turns. */
export function benchStep({ config, stage, precision, repeats }: StepOptions): StepFigures {
  const { device } = config;
  const { labeledPerBatch, unlabeledPerBatch, patchSize } = config.data;
  seedGenerators(0);
  const batch = madeUpBatch(labeledPerBatch, unlabeledPerBatch, patchSize, device);
  const method = methodOf(config, stage, batch);
  const start = config.stage1.consistency.rampUp; // full weight of every term
  const { optimizer, step } = stepper(method, batch, start, precision, config.memory.parts ?? 1);
  const { teacher, "pseudo labels": labeler } = method.networks?.() ?? {};
  const other = (stage === 1 ? teacher : labeler)!;
  step();
  step();
  const peak = peakRssGb(); // of steps alone, as in a training: the bare work comes after
  const bare = () => bareWork(method.network, other, batch, precision, optimizer);
  const times = medians({ bare, step }, repeats);
  const voxels = patchSize.reduce((product, n) => product * n, 1);
  const flops =
    forwardFlops(method.network, voxels) * (3 * (labeledPerBatch + unlabeledPerBatch) + unlabeledPerBatch);
  const matmulPeak = matmulPeakGflops(precision, device);
  const gflops = flops / times.step / 1e9;
  return {
    stage,
    patch: patchSize,
    precision,
    device,
    classes: config.model.classes,
    anchors: config.stage1.contrast.anchors,
    samples: config.stage1.samples,
    recomputeLevels: config.memory.recomputeLevels ?? 0,
    parts: config.memory.parts ?? 1,
    seconds: times.step,
    peakRssGb: peak,
    bareNetworkSeconds: times.bare,
    overhead: (times.step - times.bare) / times.bare,
    gflops,
    matmulPeakGflops: matmulPeak,
    shareOfPeak: gflops / matmulPeak,
    libtorch: libtorchFacts().version,
  };
}

/** The method of a stage, made by the stages before it as in a run. */
function methodOf(config: Config, stage: 1 | 2, batch: PatchBatch): Method {
  const [first, prototypes, second] = stagesOf(config);
  const student = first!.create(new Map());
  if (stage === 1) return student;
  const estimation = prototypes!.create(student.state());
  scope(() => estimation.losses(batch, 0));
  return second!.create(estimation.state());
}

function bareWork(
  student: SegmentationNetwork,
  other: SegmentationNetwork,
  batch: PatchBatch,
  precision: Precision,
  optimizer: Sgd,
): void {
  scope(() => {
    const { labeled, images } = batch;
    withPrecision(precision, student.options.device, () => {
      const loss = student.embed(images).to("float32").mean();
      noGrad(() => scope(() => void other.embed(images.slice(0, labeled, images.shape[0]!))));
      loss.backward();
    });
    waitFor(optimizer.gradients().values().next().value!);
    optimizer.clearGradients();
  });
}
