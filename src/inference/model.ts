import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { PreparedCase } from "../data/prepare.js";
import { noGrad } from "../engine/autograd.js";
import { checkDevice, resolvePrecision } from "../engine/device.js";
import { flushDenormals, setThreads } from "../engine/libtorch.js";
import { cat } from "../engine/make-tensor.js";
import { mostLikelyClass } from "../engine/ops.js";
import { type Precision, withPrecision } from "../engine/precision.js";
import { OwnGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { badInput } from "../errors.js";
import { part } from "../methods/method.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { drawNoise, sampleLogits } from "../models/stochastic-head.js";
import type { StateDict } from "../nn/module.js";
import { shellWord } from "../shell-word.js";
import { readState } from "../training/checkpoint.js";
import type { Config } from "../training/config.js";
import { methodEntry } from "../training/method-catalog.js";
import { misfitOf, readRun } from "../training/run-directory.js";
import type { RunRecord } from "../training/run-record.js";
import { newNetwork } from "../training/stages.js";
import type { Grid } from "../volume/volume.js";
import { slidingWindow, type WindowFunction } from "./sliding-window.js";

/** A trained run, ready to segment. */
export interface Model {
  readonly config: Config;
  readonly classNames: readonly string[];
  readonly network: SegmentationNetwork;
  /**
   * The network whose predicted distribution was trained: AUA's stage-1 student, which stage 2 keeps as its labeler, or
   * the final network itself. Other methods train mean logits only, so their covariance says nothing: null.
   */
  readonly stochastic: SegmentationNetwork | null;
}

/** Probabilities [C,D,H,W] and, when asked for, the voxel entropy (nats) [D,H,W]. */
export interface Segmentation {
  readonly probabilities: Float32Array;
  readonly labels: Uint8Array;
  readonly uncertainty: Float32Array | null;
}

function modelOf(runDir: string, { config, run }: ReturnType<typeof readRun>, device: string): Model {
  const { segments, stochastic: where } = methodEntry(config.method);
  if (!segments) {
    throw badInput(
      `${runDir} is a pretraining (${config.method}) and segments nothing; start a method from it: penumbra train --init ${shellWord(runDir)} --method supervised ...`,
    );
  }
  const path = join(runDir, "model.safetensors");
  if (!existsSync(path)) {
    const why = existsSync(join(runDir, "checkpoints"))
      ? `training is not finished; go on with: penumbra train --resume ${shellWord(runDir)}`
      : "it is no finished run";
    throw badInput(`${path} is missing: ${why}`);
  }
  const here = { ...config, device };
  return scope(() => {
    const state = readState(path, device);
    const load = (saved: StateDict) => {
      try {
        return newNetwork(here).loadState(saved).evaluate();
      } catch (error) {
        throw misfitOf(path, runDir, error);
      }
    };
    const network = load(part(state, "network"));
    const saved = part(state, "labeler");
    const lacksLabeler = saved.size === 0 && run.imported !== undefined; // weights of stage 2 come alone
    const labeler = () => (lacksLabeler ? null : load(saved));
    const trained = { network: () => network, labeler };
    const stochastic = where ? trained[where]() : null;
    return { config: here, classNames: run.classNames, network, stochastic };
  });
}

/** Where and how a model computes, when it is not as it was trained. */
export interface EngineOptions {
  readonly device?: string;
  readonly precision?: Config["precision"];
  /** Of the engine; left out: as the run was configured. */
  readonly threads?: number;
}

/** A model with what it computes with. */
export interface OpenedModel {
  readonly model: Model;
  readonly run: RunRecord;
  readonly precision: Precision;
  readonly threads: number;
}

/**
 * Loads a run's model onto a device that is there, and sets threads as in training.
 * @throws PenumbraError "bad-input" when there is no finished model in it, or one that does not fit its configuration;
 *   "environment" for a device this machine lacks.
 */
export function openModel(runDir: string, options: EngineOptions = {}): OpenedModel {
  const found = readRun(runDir);
  const { config, run } = found;
  const device = checkDevice(options.device ?? config.device);
  const precision = resolvePrecision(options.precision ?? config.precision, device);
  const threads = setThreads(options.threads ?? config.threads, availableParallelism());
  flushDenormals();
  return { model: modelOf(runDir, found, device), run, precision, threads };
}

/** Frees a model's networks. */
export function closeModel({ network, stochastic }: Model): void {
  network.dispose();
  if (stochastic !== network) stochastic?.dispose();
}

/** Opens a run's model for as long as `body` takes. @throws PenumbraError as `openModel` */
export async function withModel<T>(
  runDir: string,
  options: EngineOptions,
  body: (opened: OpenedModel) => Promise<T>,
): Promise<T> {
  const opened = openModel(runDir, options);
  try {
    return await body(opened);
  } finally {
    closeModel(opened.model);
  }
}

export interface SegmentOptions {
  readonly precision: Precision;
  readonly uncertainty: boolean;
  readonly onWindow?: (done: number, total: number) => void;
}

/** A normalized image [C,D,H,W], and 1 inside its region [D,H,W] or null for everywhere. */
export type Scan = Pick<PreparedCase, "image" | "region"> & { readonly grid: Pick<Grid, "shape"> };

/**
 * Segments a scan: sliding window, softmax, uniform mean over overlaps, argmax. For uncertainty it draws with the
 * config's seed, so that a scan always gets the same map.
 */
export function segment(model: Model, scan: Scan, options: SegmentOptions): Segmentation {
  const { seed, device } = model.config;
  if (!options.uncertainty) return segmentWith(0, model, scan, options);
  const samples = model.config.inference.uncertaintySamples;
  return OwnGenerators.seeded(seed, device).draw(() => segmentWith(samples, model, scan, options));
}

function segmentWith(
  samples: number,
  model: Model,
  { image, region, grid: { shape } }: Scan,
  options: SegmentOptions,
): Segmentation {
  const { config } = model;
  const classes = config.model.classes;
  return noGrad(() =>
    scope(() => {
      const run: WindowFunction = (patch, _, inside) =>
        withPrecision(options.precision, config.device, () =>
          windowProbabilities(model, patch, inside, samples),
        );
      const mean = slidingWindow(image, shape, run, {
        patchSize: config.data.patchSize,
        stride: config.inference.stride,
        neighbours: config.model.neighbours,
        device: config.device,
        region,
        ...(config.inference.skipOutsideRegion && { skipOutside: samples > 0 ? [0, classes] : [0] }),
        onWindow: options.onWindow,
      });
      const probabilities = mean.slice(0, 0, classes);
      const sampled = samples > 0 ? mean.slice(0, mean.shape[0]! - classes, mean.shape[0]!) : null;
      return {
        probabilities: probabilities.toFloat32Array(),
        labels: mostLikelyClass(probabilities, 0).toUint8Array(),
        uncertainty: sampled ? entropy(sampled).toFloat32Array() : null,
      };
    }),
  );
}

/** [1,C,d,h,w], region [1,1,d,h,w] -> softmax of the mean logits [1,C,...], and behind it the mean softmax over samples [1,C,...] */
function windowProbabilities(model: Model, patch: Tensor, region: Tensor | null, samples: number): Tensor {
  const probabilities = model.network.meanLogits(model.network.embed(patch)).softmax(1);
  if (samples === 0 || !model.stochastic) return probabilities;
  const distribution = model.stochastic.distribution(model.stochastic.embed(patch), region);
  const logits = sampleLogits(distribution, drawNoise(distribution, samples)).samples; // [1,S,C,V]
  const sampled = logits.softmax(2).mean([1]).reshape(probabilities.shape);
  return cat([probabilities, sampled], 1);
}

/** -Σ_c p log p over the first axis, in nats */
const entropy = (p: Tensor): Tensor => p.mul(p.clamp(1e-12).log()).sum([0]).neg();
