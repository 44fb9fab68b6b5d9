import { basename, join, resolve } from "node:path";
import { scope } from "../engine/scope.js";
import { badInput, isShowable } from "../errors.js";
import { sha256OfFile } from "../files/checksum.js";
import { type Config, type PartialConfig, resolveConfig } from "../training/config.js";
import { setUpEngine } from "../training/engine-setup.js";
import { isOfRun, writeModelFile } from "../training/model-file.js";
import { BASE_CONFIG } from "../training/presets.js";
import { checkNewRun, createRun } from "../training/run-directory.js";
import type { ImportRecord } from "../training/run-record.js";
import { type HostTensor, writeSafetensors } from "../training/safetensors.js";
import { newNetwork } from "../training/stages.js";
import { checkNewFile, exportMetadata } from "./export-weights.js";
import { type MatchedState, matchState, type StateShapes, withMeanHead } from "./match-state.js";
import { type NetworkShape, networkShape, pickNetwork } from "./network-shape.js";
import { reverseSpatialAxes, type SpatialAxes } from "./spatial-axes.js";
import { readTensorFile, type TensorFile } from "./tensor-file.js";

export interface ImportOptions {
  /** A PyTorch checkpoint (.pth, .pt) or .safetensors. */
  readonly file: string;
  /** A new run directory, or a new file whose name ends in .safetensors. */
  readonly out: string;
  /** How data are prepared for these weights, and where windows lie. */
  readonly preset?: string;
  readonly config?: unknown;
  readonly set?: readonly string[];
  /** Which network of the file, where it holds several: the prefix of its tensors' names. */
  readonly key?: string;
  /** Order of the file's spatial axes; left out: what the file says (our exports and runs do), else "xyz", the literature's. */
  readonly axes?: SpatialAxes;
  /** Names of the classes, background first. */
  readonly classNames?: readonly string[];
  /** AUA's stage the weights are of: 1 learned the distribution of logits behind uncertainty maps, 2 did not. */
  readonly stage?: 1 | 2;
  /** Refuse a file that lacks a tensor or has one too many. */
  readonly strict?: boolean;
}

/** What was read, matched and written. */
export interface ImportReport {
  readonly form: string;
  /** Prefix of the network's names in the file. */
  readonly prefix: string;
  readonly network: NetworkShape;
  readonly axes: SpatialAxes;
  /** Tensors of the network that the file filled, and how many it has. */
  readonly matched: number;
  readonly total: number;
  readonly missing: readonly string[];
  readonly leftOver: readonly string[];
  /** Tensors of the file outside the network, such as an optimizer's. */
  readonly outside: number;
  readonly written: string;
}

/** Names and shapes of the network that the config describes. */
const shapesOf = (config: Config): StateShapes =>
  scope(() => {
    const network = newNetwork({ ...config, device: "cpu" });
    const shapes = new Map([...network.stateDict()].map(([name, tensor]) => [name, tensor.shape]));
    network.dispose();
    return shapes;
  });

/** Stands where nothing else is said of windows: for 2-D networks, slices. */
function windowsOf(dimensions: NetworkShape["dimensions"]): PartialConfig {
  const { data, inference } = BASE_CONFIG;
  const slice = ([depth, height, width]: Config["data"]["patchSize"]): Config["data"]["patchSize"] => [
    dimensions === 2 ? 1 : depth,
    height,
    width,
  ];
  return {
    model: { dimensions },
    data: { patchSize: slice(data.patchSize) },
    inference: { stride: slice(inference.stride) },
  };
}

/** Channels of the image behind those of the network. Bad input: not so many for each slice. */
function imageChannels({ file }: ImportOptions, inputs: number, { model }: Config): number {
  const slices = 2 * model.neighbours + 1;
  if (inputs % slices === 0) return inputs / slices;
  throw badInput(
    `${file}: its network takes ${inputs} channels, not a multiple of the ${slices} slices of model.neighbours ${model.neighbours}; set that key as it was trained`,
  );
}

/** The config of a run with these weights. @throws PenumbraError "bad-input" when it is told to be another network */
function configFor(options: ImportOptions, network: NetworkShape): Config {
  const { classes, dimensions, filters, rank, normalization, kind } = network;
  const asked = {
    auto: windowsOf(dimensions),
    preset: options.preset,
    file: options.config,
  };
  const set = options.set ?? [];
  const trained = options.stage === 1 ? "aua-contrast" : "aua"; // the first uses the network's own distribution
  const method = kind === "aua" ? trained : "supervised";
  const told = resolveConfig({ classes, ...asked, set });
  if (told.model.classes !== classes) {
    throw badInput(
      `${options.file}: its network has ${classes} classes but the config's model.classes is ${told.model.classes}; choose another preset`,
    );
  }
  const inputChannels = imageChannels(options, network.inputChannels, told);
  const read = [`filters=${filters}`, `rank=${rank}`, `normalization=${normalization}`].map(
    (text) => `model.${text}`,
  );
  const config = resolveConfig({
    classes,
    inputChannels,
    ...asked,
    set: [`method=${method}`, ...read, ...set],
  });
  for (const [key, value] of Object.entries({ inputChannels, dimensions, filters, rank, normalization })) {
    const got = config.model[key as "filters"];
    if (got !== value)
      throw badInput(
        `${options.file}: its network has model.${key} ${value}, --set says ${got}; leave it out`,
      );
  }
  return config;
}

function classNamesFor({ file, classNames }: ImportOptions, classes: number): readonly string[] {
  const names = classNames ?? [
    "background",
    ...Array.from({ length: classes - 1 }, (_, i) => `class ${i + 1}`),
  ];
  if (names.length === classes && new Set(names).size === classes && names.every(isShowable)) return names;
  throw badInput(
    `${file}: its network has ${classes} classes, --classes names ${names.length}: ${names.join(", ")}; expected as many different names, none of them empty`,
  );
}

function axesOf(options: ImportOptions, { metadata, tensors }: TensorFile): SpatialAxes {
  if (options.axes) return options.axes;
  const said = metadata.spatial_axes;
  if (said === "zyx" || said === "xyz") return said;
  return isOfRun(metadata, tensors) ? "zyx" : "xyz";
}

function checkStrict({ file, strict }: ImportOptions, { missing, leftOver }: MatchedState): void {
  if (!strict || missing.length + leftOver.length === 0) return;
  throw badInput(
    `${file}: --strict, and it lacks ${missing.length} tensors (${missing.slice(0, 3).join(", ")}) and has ${leftOver.length} too many (${leftOver.slice(0, 3).join(", ")})`,
  );
}

/** A network's state with our names, types and axes, from a file's. */
function readState(options: ImportOptions, file: TensorFile) {
  const { prefix, state } = pickNetwork(file.tensors, options.key, options.file);
  const network = networkShape(state, options.file);
  const config = configFor(options, network);
  const axes = axesOf(options, file);
  const whole = network.kind === "aua" ? state : withMeanHead(state, network, options.file);
  const turned =
    axes === "zyx" ? whole : new Map([...whole].map(([name, tensor]) => [name, reverseSpatialAxes(tensor)]));
  const found = matchState(shapesOf(config), turned, options.file);
  checkStrict(options, found);
  return { prefix, state, network, config, axes, found };
}

function writeRun(
  options: ImportOptions,
  config: Config,
  state: ReadonlyMap<string, HostTensor>,
  imported: ImportRecord,
): void {
  const classNames = classNamesFor(options, config.model.classes);
  const dataset = { dir: "", classNames, labeled: [], unlabeled: [], test: [] };
  const engine = { ...setUpEngine({ ...config, device: "cpu" }, null), precision: "fp32" } as const;
  const lock = createRun(resolve(options.out), { config, dataset, imported }, engine);
  const named = [...state].map(([name, tensor]): [string, HostTensor] => [`network.${name}`, tensor]);
  try {
    writeModelFile(join(options.out, "model.safetensors"), new Map(named));
  } finally {
    lock.release();
  }
}

/**
 * Brings weights of the published networks (AUA's, UA-MT's V-Net) into a run directory that `evaluate` and `predict`
 * take, or into a .safetensors file with our names and axes. Nothing in the file is executed.
 * @throws PenumbraError "bad-input" before anything is written: a file that is refused or damaged, no such network,
 *   several of them, shapes or values that can't be, an `out` that is there
 */
export function importWeights(options: ImportOptions): ImportReport {
  const toFile = /\.safetensors$/i.test(options.out);
  if (toFile) checkNewFile(options.out);
  else checkNewRun(resolve(options.out));
  const file = readTensorFile(options.file);
  const { prefix, state, network, config, axes, found } = readState(options, file);
  const { tensors, missing, leftOver } = found;
  if (
    options.stage === 1 &&
    (network.kind !== "aua" || missing.some((name) => /^(log_cov|cov_factor)/.test(name)))
  ) {
    throw badInput(
      `${options.file}: its network predicts no distribution of logits, so it is not of stage 1; leave --stage out`,
    );
  }
  if (toFile) writeSafetensors(options.out, tensors, exportMetadata(config, "zyx"));
  else {
    const { form } = file;
    const imported = {
      file: basename(options.file),
      sha256: sha256OfFile(options.file),
      form,
      missing,
      leftOver,
    };
    writeRun(options, config, tensors, imported);
  }
  const matched = found.matched.filter((name) => state.has(name)).length;
  return {
    form: file.form,
    ...{ prefix, network, axes, matched, missing, leftOver },
    total: tensors.size,
    outside: file.tensors.size - state.size,
    written: options.out,
  };
}
