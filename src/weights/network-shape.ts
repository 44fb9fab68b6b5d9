import { badInput } from "../errors.js";
import type { NetworkOptions } from "../models/segmentation-network.js";
import type { Dimensions } from "../nn/layers.js";
import type { HostTensor } from "../training/safetensors.js";
import { shown } from "./shown.js";

/** Named tensors of one network, without the prefix that they had in the file. */
export type NamedTensors = ReadonlyMap<string, HostTensor>;

/** What the weights themselves say about the network they belong to. */
export interface NetworkShape extends Pick<NetworkOptions, "classes" | "filters" | "rank" | "normalization"> {
  /** Of its input; in 2.5-D every slice of the neighbourhood counts. */
  readonly inputChannels: number;
  readonly dimensions: Dimensions;
  /** "aua": mean logits from a head on the embedding; "plain": `out_conv` gives the classes, as in UA-MT's V-Net. */
  readonly kind: "aua" | "plain";
}

/** The first tensor of every network of this family. */
const FIRST = "block_one.conv.0.weight";
/** A tensor as wide as the network gets: with it and its kernel in the file, the network is about as large as the file. */
const WIDEST = "block_five.conv.0.weight";
const DEFAULT_RANK = 8;

/** Prefixes of a file's networks: "", "module.", "state_dict.", "network." … */
export const networkPrefixes = (tensors: NamedTensors): string[] =>
  [...tensors.keys()]
    .filter((name) => name === FIRST || name.endsWith(`.${FIRST}`))
    .map((name) => name.slice(0, -FIRST.length));

/** The tensors under a prefix, by the rest of their names. */
const withPrefix = (tensors: NamedTensors, prefix: string): NamedTensors =>
  new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );

const list = (names: readonly string[], most = 5): string =>
  `${names.slice(0, most).map(shown).join(", ")}${names.length > most ? `, … (${names.length} in all)` : ""}`;

/** The network that is meant: the only one, or the one whose prefix is named. @throws PenumbraError "bad-input" */
export function pickNetwork(
  tensors: NamedTensors,
  key: string | undefined,
  path: string,
): { readonly prefix: string; readonly state: NamedTensors } {
  const prefixes = networkPrefixes(tensors);
  const bare = (name: string) => name.replace(/\.$/, "");
  const only = prefixes.length === 1 ? prefixes[0] : undefined;
  const prefix = key === undefined ? only : prefixes.find((candidate) => bare(candidate) === bare(key));
  if (prefix !== undefined) return { prefix, state: withPrefix(tensors, prefix) };
  if (prefixes.length === 0) {
    const has = tensors.size > 0 ? list([...tensors.keys()]) : "no tensor";
    throw badInput(
      `${path}: no V-Net of the published kind: it has ${has}; expected names that end in ${FIRST}`,
    );
  }
  const keys = prefixes.map((name) => JSON.stringify(bare(name)));
  throw badInput(`${path}: holds the networks ${list(keys)}; choose one with --key`);
}

function shapeOf(state: NamedTensors, name: string, rank: number, path: string): readonly number[] {
  const shape = state.get(name)?.shape;
  if (shape?.length === rank && shape.every((extent) => extent > 0)) return shape;
  throw badInput(
    `${path}: ${name} is ${shape ? `[${shape}]` : "missing"}; expected the published V-Net's, of ${rank} axes above 0`,
  );
}

function normalizationOf(state: NamedTensors): NetworkShape["normalization"] {
  if (state.has("block_one.conv.1.running_mean")) return "batch";
  if (state.get("block_one.conv.1.weight")?.shape.length === 1) return "group";
  return state.has("block_two.conv.2.weight") ? "none" : "instance"; // which has no tensors, but takes a place
}

/**
 * Channels, dimensions, classes, filters, rank and normalization from the shapes of a network's tensors.
 * @throws PenumbraError "bad-input" when they are no such V-Net
 */
export function networkShape(state: NamedTensors, path: string): NetworkShape {
  const [filters, inputChannels, ...kernel] = shapeOf(state, FIRST, 5, path) as [number, number, ...number[]];
  const [wide, alsoWide, ...wideKernel] = shapeOf(state, WIDEST, 5, path);
  if (filters < 1 || inputChannels < 1 || wide !== 16 * filters || alsoWide !== 16 * filters) {
    throw badInput(
      `${path}: ${WIDEST} has ${wide} x ${alsoWide} channels; expected ${16 * filters} with ${filters} filters`,
    );
  }
  if (!/^(3,3,3|1,3,3|3,3,1)$/.test(kernel.join()) || wideKernel.join() !== kernel.join()) {
    throw badInput(
      `${path}: kernels of ${kernel.join("x")} and ${wideKernel.join("x")} in ${FIRST} and ${WIDEST}; expected 3x3x3, or 1x3x3 for slices, in both`,
    );
  }
  const kind = state.has("mean_l.weight") ? "aua" : "plain";
  const classes = shapeOf(state, kind === "aua" ? "mean_l.weight" : "out_conv.weight", 5, path)[0]!;
  const hasFactors = state.has("cov_factor_l.weight");
  const factors = hasFactors ? shapeOf(state, "cov_factor_l.weight", 5, path)[0]! : DEFAULT_RANK * classes;
  if (classes < 2 || classes > 256 || factors % classes !== 0) {
    throw badInput(
      `${path}: its network has ${classes} classes and ${factors} covariance factors; expected 2 to 256 classes and a multiple of them`,
    );
  }
  const rank = factors / classes;
  const dimensions = kernel.includes(1) ? 2 : 3;
  return { kind, inputChannels, dimensions, classes, filters, rank, normalization: normalizationOf(state) };
}
