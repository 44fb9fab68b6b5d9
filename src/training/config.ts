import type { PrepareOptions } from "../data/prepare.js";
import { badInput, type PenumbraError } from "../errors.js";
import { parseJson } from "../files/json.js";
import { atPath, isObject, MOST_PARTS, merge, nested, valueAt } from "./config-layers.js";
import { CONFIG_KEYS, type Config, configSchema, type PartialConfig } from "./config-schema.js";
import { methodEntry } from "./method-catalog.js";
import { nearestName } from "./nearest-name.js";
import { BASE_CONFIG, beforeNewKeys, PRESETS } from "./presets.js";
import { scaledSchedule } from "./schedule.js";

export type { ConfigKey } from "./config-keys.js";
export type { Config, PartialConfig } from "./config-schema.js";

/** Where a configuration comes from; each entry overrides those above it. */
export interface ConfigSources {
  /** Classes of the data, background included; a preset or file that names another number wins. */
  readonly classes?: number;
  /** Channels of each image of the data; likewise. */
  readonly inputChannels?: number;
  /** Keys derived from the data, where no preset is named. */
  readonly auto?: PartialConfig;
  /** A name from `PRESETS`. */
  readonly preset?: string;
  /** Content of a configuration file; {"stage1.iterations": 100} is read as {"stage1": {"iterations": 100}}. */
  readonly file?: unknown;
  /** What errors call it, its path. */
  readonly fileName?: string;
  /** "dotted.key=value" each; the value is JSON, or else the text as it stands. */
  readonly set?: readonly string[];
  /** Options with a name of their own on the command line. */
  readonly method?: string;
  readonly init?: string;
  readonly seed?: number;
  readonly device?: string;
  readonly precision?: string;
}

/** One layer of overrides and the name that errors call it by. */
interface Layer {
  readonly name: string;
  readonly values: unknown;
}

const SECTIONS = new Set(
  CONFIG_KEYS.flatMap(({ key }) => {
    const parts = key.split(".");
    return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."));
  }),
);
const NAMES_SHOWN = 3;
const LEAVES: ReadonlyMap<string, string> = new Map(CONFIG_KEYS.map(({ key, expected }) => [key, expected]));

function presetLayer(name: string): Layer {
  const preset = Object.entries(PRESETS).find(([known]) => known === name)?.[1];
  if (preset) return { name: `preset ${name}`, values: preset.config };
  const names = Object.keys(PRESETS);
  throw badInput(
    `unknown preset "${name}"; did you mean "${nearestName(name, names)}"? presets: ${names.join(", ")}`,
  );
}

/** "a.b=1" -> {a: {b: 1}}, as one layer. */
function setLayer(assignment: string): Layer {
  const equals = assignment.indexOf("=");
  if (equals < 1) throw badInput(`--set ${assignment}: expected key=value, as in stage1.iterations=100`);
  const text = assignment.slice(equals + 1);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    value = text;
  }
  const parts = assignment.slice(0, equals).split(".");
  if (parts.length > MOST_PARTS)
    throw badInput(
      `--set ${parts.slice(0, MOST_PARTS).join(".")}.…: no config key has ${parts.length} parts`,
    );
  return { name: "--set", values: atPath(parts, value) };
}

/** The error for a key that the schema doesn't have, spelled as far as there is no choice of keys below it. */
function unknownKey(key: string, value: unknown, layer: string): PenumbraError {
  const [only, ...others] = isObject(value) ? Object.entries(value) : [];
  if (only && others.length === 0) return unknownKey(`${key}.${only[0]}`, only[1], layer);
  const known = nearestName(key, [...LEAVES.keys(), ...SECTIONS]);
  return badInput(`unknown config key "${key}" (${layer}); did you mean "${known}"?`);
}

/** Refuses keys that the schema doesn't have, and plain values where it has a section. */
function checkKeys(values: unknown, path: string, layer: string): void {
  if (!isObject(values)) {
    const what = path ? `config key "${path}"` : layer;
    throw badInput(`${what}: expected an object with keys, got ${JSON.stringify(values)}`);
  }
  for (const [name, value] of Object.entries(values)) {
    const key = path ? `${path}.${name}` : name;
    if (SECTIONS.has(key)) checkKeys(value, key, layer);
    else if (!LEAVES.has(key)) throw unknownKey(key, value, layer);
  }
}

/** As JSON, which has no infinity: 1e400 is read as one. */
const shown = (value: unknown) =>
  JSON.stringify(value, (_, part) => (part === Infinity || part === -Infinity ? String(part) : part));

function validate(values: unknown, layers: readonly Layer[]): Config {
  const parsed = configSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  const paths = parsed.error.issues.map(({ path }) => path.filter((part) => typeof part === "string"));
  const keys = [...new Set(paths.map((path) => path.join(".")))];
  const missing = keys.filter((key) => valueAt(values, key) === undefined);
  if (missing.length > 0) throw badInput(lackOf(missing, layers.at(-1)!.name));
  const complaints = keys.map((key) => {
    const { name: source } =
      layers.findLast((layer) => valueAt(layer.values, key) !== undefined) ?? layers.at(-1)!;
    return `config key "${key}" (${source}): expected ${LEAVES.get(key)}, got ${shown(valueAt(values, key))}`;
  });
  throw badInput(complaints.join("; "));
}

/** Only a stored configuration can lack keys. */
function lackOf(missing: readonly string[], source: string): string {
  const named = missing.slice(0, NAMES_SHOWN).map((key) => `"${key}"`);
  const more = missing.length > NAMES_SHOWN ? ` and ${missing.length - NAMES_SHOWN} more` : "";
  return `${source} lacks the config key${missing.length > 1 ? "s" : ""} ${named.join(", ")}${more}; restore the file, or train again`;
}

/** Patches of a 2-D network are slices. */
function checkDimensions({ data, model }: Config): void {
  const [depth, height, width] = data.patchSize;
  if (model.dimensions === 2 && depth !== 1) {
    throw badInput(
      `config key "data.patchSize": expected one slice, [1, H, W], with model.dimensions 2, got [${data.patchSize}]; add --set data.patchSize=[1,${height},${width}] and a stride of 1 along D in inference.stride`,
    );
  }
  if (model.dimensions === 3 && depth % 16 !== 0) {
    const slices = depth === 1 ? "; for slices add --set model.dimensions=2" : "";
    throw badInput(
      `config key "data.patchSize": expected [D, H, W], each a multiple of 16, got [${data.patchSize}]${slices}`,
    );
  }
  if (model.neighbours > 0 && model.dimensions === 3) {
    throw badInput(
      `config key "model.neighbours": expected 0 with model.dimensions 3, got ${model.neighbours}; neighbouring slices are for 2-D networks`,
    );
  }
}

/** Of a new run: counts stay whole numbers, and scaled to its pretraining alone, `bcp` would be another method. */
function checkScaled(config: Config): Config {
  const schedule = scaledSchedule(config);
  const endless = CONFIG_KEYS.find(
    ({ key, scales }) => scales && !Number.isSafeInteger(valueAt(schedule, key)),
  );
  if (endless)
    throw badInput(
      `config key "schedule.scale": ${config.schedule.scale} makes ${endless.key} ${valueAt(schedule, endless.key)}; expected a scale that leaves it below 2^53`,
    );
  const { bcp, supervised } = schedule;
  if (config.method !== "bcp" || bcp.pretraining < supervised.iterations) return config;
  const scaled = config.schedule.scale === 1 ? "" : ` at schedule.scale ${config.schedule.scale}`;
  throw badInput(
    `config key "bcp.pretraining": expected less than supervised.iterations (${supervised.iterations}), got ${bcp.pretraining}${scaled}`,
  );
}

/** What works but hardly as meant, null where there is nothing: a value normalized by itself is 0, so a bottom of one voxel passes nothing on. */
export function configDoubt({ data, model }: Config): string | null {
  if (model.normalization !== "instance" || data.patchSize.some((extent) => extent > 16)) return null;
  return `data.patchSize [${data.patchSize}]: the deepest features are one voxel a channel, which model.normalization "instance" makes 0; take a larger patch, or "batch"`;
}

/** What no single key can tell. */
function checkTogether(config: Config): Config {
  const { data, inference, model, method } = config;
  checkDimensions(config);
  if (data.patchSize.some((extent, axis) => inference.stride[axis]! > extent)) {
    throw badInput(
      `config key "inference.stride": expected at most data.patchSize [${data.patchSize}], got [${inference.stride}]; windows would leave gaps`,
    );
  }
  if (data.windowHu && data.windowPercentiles) {
    throw badInput(
      `config keys "data.windowHu" and "data.windowPercentiles" both clip intensities; expected one of them to be null`,
    );
  }
  if (model.normalization === "group" && model.filters % 16 !== 0) {
    throw badInput(
      `config key "model.filters": expected a multiple of 16 with model.normalization "group", got ${model.filters}`,
    );
  }
  if (methodEntry(method).unlabeled && data.unlabeledPerBatch === 0) {
    throw badInput(`config key "data.unlabeledPerBatch": expected at least 1 with method "${method}", got 0`);
  }
  return config;
}

/** What a configuration file or --set says of a key; undefined where neither does. */
export function askedFor({ file, set = [] }: ConfigSources, key: string): unknown {
  const layers = [nested(file), ...set.map((assignment) => setLayer(assignment).values)];
  return layers.map((values) => valueAt(values, key)).findLast((value) => value !== undefined);
}

/**
 * The complete configuration of a run: base, preset, file, --set, options with a name, in this order.
 * @throws PenumbraError "bad-input" naming the key, where it was set, what was expected and what was got.
 */
export function resolveConfig(sources: ConfigSources = {}): Config {
  const {
    classes,
    inputChannels,
    auto,
    preset,
    file,
    fileName = "config file",
    set = [],
    ...named
  } = sources;
  const layers: Layer[] = [{ name: "data", values: { model: { classes, inputChannels } } }];
  if (auto !== undefined) layers.push({ name: "derived from the data", values: auto });
  if (preset !== undefined) layers.push(presetLayer(preset));
  if (file !== undefined) layers.push({ name: fileName, values: nested(file) });
  layers.push(...set.map(setLayer), { name: "command line", values: named });
  for (const layer of layers) checkKeys(layer.values, "", layer.name);
  const merged = layers.reduce<unknown>((values, layer) => merge(values, layer.values), BASE_CONFIG);
  return checkScaled(checkTogether(validate(merged, layers)));
}

/**
 * Reads a stored configuration back: complete, nothing filled in but keys that came later than the first version.
 * @param source what errors call it, for example the file's path
 * @throws PenumbraError "bad-input" as `resolveConfig`
 */
export function parseConfig(stored: unknown, source = "stored config"): Config {
  const layer: Layer = { name: source, values: stored };
  checkKeys(stored, "", source);
  const { optimizer } = stored as { optimizer?: { decayEvery?: unknown } };
  return checkTogether(validate(merge(beforeNewKeys(optimizer), stored), [layer]));
}

/** One line per key, for --help: name, what it takes, its default, what it does. */
export function describeConfigKeys(): string {
  const width = Math.max(...CONFIG_KEYS.map(({ key }) => key.length));
  return CONFIG_KEYS.map(({ key, expected, meaning }) => {
    const standard = key === "citation" ? "" : ` [${JSON.stringify(valueAt(BASE_CONFIG, key))}]`;
    return `${key.padEnd(width)}  ${meaning}: ${expected}${standard}`;
  }).join("\n");
}

/** How a run prepares its cases, in training as in evaluation and prediction. */
export const prepareOptions = ({ data, model }: Config): PrepareOptions => ({
  classes: model.classes,
  channels: model.inputChannels,
  normalization: data.normalization,
  normalizeOver: data.normalizeOver,
  windowHu: data.windowHu,
  windowPercentiles: data.windowPercentiles,
  regionMask: data.regionMask,
  axisOrder: data.axisOrder,
  spacingMm: data.spacingMm,
  imageInterpolation: data.imageInterpolation,
  labelInterpolation: data.labelInterpolation,
  crop: data.crop,
  cropMargin: data.cropMargin,
  cropAtLeast: data.patchSize,
});
