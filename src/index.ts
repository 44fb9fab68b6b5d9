/**
 * Penumbra as a library. Each command is one function (`train`, `evaluate`, `predict`, `rank`, `compare`, `inspect`,
 * `fingerprintOf`, `prepareData` and `prepareRecipe`, `importWeights`, `exportWeights`, `startViewer`, `runDemo`, `doctor`; what `methods`
 * lists is `METHODS`); below them, the building blocks: data, tensors, networks, losses, methods, inference, metrics
 * and report.
 */
export { examine as doctor } from "./cli/doctor.js";
export type { Finding } from "./cli/machine-report.js";
export { type CompareOptions, compare } from "./compare/compare.js";
export type { CellResult, Comparison, Difference, MethodSummary } from "./compare/comparison.js";
export { type Batch, type BatchOptions, makeBatch } from "./data/batch.js";
export type { StoredCase } from "./data/case-file.js";
export { type CaseFiles, type Dataset, openDataset } from "./data/dataset.js";
export { type Fingerprint, fingerprintOf } from "./data/fingerprint.js";
export { Loader } from "./data/loader.js";
export {
  type Crop,
  type PreparedCase,
  type PrepareOptions,
  prepareCase,
} from "./data/prepare.js";
export { type PrepareSetOptions, prepareSet } from "./data/prepare-set.js";
export { type CheckOptions, type Suspicion, suspicionsOf } from "./data/suspicions.js";
export { type DemoOptions, type DemoResult, runDemo } from "./demo/demo.js";
export { noGrad } from "./engine/autograd.js";
export { checkDevice, resolvePrecision } from "./engine/device.js";
export { libtorchFacts, memoryFigures, setThreads } from "./engine/libtorch.js";
export { cat, fromArray, ones, rand, randn, stack, zeros } from "./engine/make-tensor.js";
export { type Precision, withPrecision } from "./engine/precision.js";
export { seedGenerators } from "./engine/random.js";
export { keep, scope } from "./engine/scope.js";
export { call, Tensor } from "./engine/tensor.js";
export { type ErrorCode, EXIT_CODES, PenumbraError } from "./errors.js";
export { type EvaluateOptions, evaluate, type SplitScores } from "./inference/evaluate.js";
export { watchFixedCases } from "./inference/fixed-cases.js";
export {
  closeModel,
  type EngineOptions,
  type Model,
  type OpenedModel,
  openModel,
  type Scan,
  type Segmentation,
  type SegmentOptions,
  segment,
} from "./inference/model.js";
export { type PredictOptions, predict } from "./inference/predict.js";
export { type Ranking, type RankOptions, rank } from "./inference/rank.js";
export type { ResultFormat } from "./inference/result-files.js";
export { drawSamples, type SampleOptions } from "./inference/samples.js";
export {
  type SlidingWindowOptions,
  slidingWindow,
  type WindowFunction,
  windowStarts,
} from "./inference/sliding-window.js";
export type { Split } from "./inference/split-cases.js";
export { boundaryContrast, boundaryMask, supervisedContrast } from "./losses/boundary-contrast.js";
export { binaryDiceLoss, diceLoss } from "./losses/dice.js";
export { type Distance, energyDistance } from "./losses/energy-distance.js";
export { monteCarloLikelihoodLoss } from "./losses/monte-carlo-likelihood.js";
export { PrototypeEstimator, prototypeContrast } from "./losses/prototype-contrast.js";
export { AuaStage1, type AuaStage1Options } from "./methods/aua-stage1.js";
export { AuaStage2, type AuaStage2Options } from "./methods/aua-stage2.js";
export { MeanTeacher, type MeanTeacherOptions } from "./methods/mean-teacher.js";
export type { LossTerm, LossTerms, Method, PatchBatch } from "./methods/method.js";
export { PrototypeEstimation } from "./methods/prototype-estimation.js";
export { Ssn, type SsnOptions } from "./methods/ssn.js";
export { Supervised } from "./methods/supervised.js";
export { UaMt, type UaMtOptions } from "./methods/ua-mt.js";
export { dice, jaccard, overlap } from "./metrics/overlap.js";
export {
  type CaseScore,
  type DistanceUnit,
  type Evaluation,
  type MeanScore,
  scoreCase,
  summarize,
  toCsv,
  toTable,
} from "./metrics/score.js";
export { type SurfaceDistances, surfaceDistances } from "./metrics/surface-distance.js";
export { type NetworkOptions, SegmentationNetwork } from "./models/segmentation-network.js";
export { drawNoise, type LogitDistribution, moments, sampleLogits } from "./models/stochastic-head.js";
export { VNet } from "./models/vnet.js";
export { Module, type StateDict } from "./nn/module.js";
export { Sgd, type SgdOptions } from "./nn/optimizer.js";
export { type PrepareRecipeOptions, prepareRecipe, RECIPES } from "./recipes/prepare-recipe.js";
export type { Recipe } from "./recipes/recipe.js";
export { type ReportOptions, type ReportSection, renderReport } from "./report/report.js";
export { type AutoSetting, type AutoSettings, autoSettings } from "./training/auto-settings.js";
export {
  type Config,
  type ConfigSources,
  describeConfigKeys,
  type PartialConfig,
  prepareOptions,
  resolveConfig,
} from "./training/config.js";
export type { IterationReport } from "./training/iteration.js";
export { METHODS, type MethodEntry, type MethodName } from "./training/method-catalog.js";
export { METHOD_COSTS } from "./training/method-costs.js";
export type { MakeObserver, ObservedRun, Observer } from "./training/observer.js";
export { type PrepareDataOptions, type PreparedData, prepareData } from "./training/prepare-data.js";
export { PRESETS, type PresetName } from "./training/presets.js";
export { readRun } from "./training/run-directory.js";
export { type LogEntry, readRunLog } from "./training/run-log.js";
export type { RunRecord } from "./training/run-record.js";
export { readSafetensors, writeSafetensors } from "./training/safetensors.js";
export { type Stage, stagesOf } from "./training/stages.js";
export { trainStep } from "./training/step.js";
export { type TrainOptions, train } from "./training/train.js";
export { runStages, type TrainerOptions } from "./training/trainer.js";
export { packageVersion } from "./version.js";
export { startViewer, type Viewer, type ViewerOptions } from "./viewer/server.js";
export { type Inspection, inspect } from "./volume/inspect.js";
export { type AxisOrder, axisCodes, toAxisOrder } from "./volume/orientation.js";
export { readGrid, readLabelMap, readVolume } from "./volume/read.js";
export { readH5Case } from "./volume/read-h5.js";
export {
  type ImageInterpolation,
  type LabelInterpolation,
  resampleLabelMap,
  resampleVolume,
} from "./volume/resample.js";
export { type Grid, type LabelMap, type Triple, type Volume, voxelCount } from "./volume/volume.js";
export { type IntensityType, writeLabelMap, writeVolume } from "./volume/write.js";
export { type ExportOptions, exportWeights } from "./weights/export-weights.js";
export { type ImportOptions, type ImportReport, importWeights } from "./weights/import-weights.js";
