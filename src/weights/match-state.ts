import { badInput } from "../errors.js";
import type { HostTensor } from "../training/safetensors.js";
import type { NamedTensors, NetworkShape } from "./network-shape.js";
import { shown } from "./shown.js";

/** A network's whole state, and how it came together. */
export interface MatchedState {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Names that the file filled. */
  readonly matched: readonly string[];
  /** Names that it lacks: parts that prediction does not use, set to zero. */
  readonly missing: readonly string[];
  /** Names of the file's network that this one has no place for. */
  readonly leftOver: readonly string[];
}

/** Shapes of a network's tensors by name. */
export type StateShapes = ReadonlyMap<string, readonly number[]>;

/** Parts that mean logits do not pass through, and a counter that evaluation does not read. */
const DISPENSABLE = /^(head|log_cov_diag_l|cov_factor_l)\.|\.num_batches_tracked$/;

/** The type that a network keeps a tensor in. */
const dtypeOf = (name: string): "I64" | "F32" => (name.endsWith(".num_batches_tracked") ? "I64" : "F32");

function zeros(name: string, shape: readonly number[]): HostTensor {
  const count = shape.reduce((product, n) => product * n, 1);
  const dtype = dtypeOf(name);
  return { dtype, shape, data: dtype === "I64" ? new BigInt64Array(count) : new Float32Array(count) };
}

/** A tensor as the network keeps it: float32, or int64 for counters. */
function converted(name: string, { dtype, shape, data }: HostTensor, path: string): HostTensor {
  const wanted = dtypeOf(name);
  if (wanted === "I64" && data instanceof BigInt64Array) return { dtype: "I64", shape, data };
  if (wanted === "F32" && (dtype === "F32" || dtype === "F64")) {
    const floats = data instanceof Float32Array ? data : Float32Array.from(data as Float64Array);
    if (!floats.every(Number.isFinite))
      throw badInput(`${path}: ${name} holds values that are not finite; these weights are damaged`);
    return { dtype: "F32", shape, data: floats };
  }
  throw badInput(
    `${path}: ${name} is ${dtype}; expected ${wanted === "I64" ? "I64" : "F16, BF16, F32 or F64"}`,
  );
}

/**
 * UA-MT's `out_conv` gives the C classes at once. The same logits from a network with heads: `out_conv` computes them
 * and their negatives as 2 C of its K channels, and the mean head, which sees ReLU(z), takes ReLU(l) - ReLU(-l) = l.
 */
export function withMeanHead(
  state: NamedTensors,
  { filters, classes }: NetworkShape,
  path: string,
): NamedTensors {
  if (filters < 2 * classes) {
    throw badInput(
      `${path}: its network has ${classes} classes on ${filters} filters; a network without heads needs twice as many filters as classes here`,
    );
  }
  const [weight, bias] = [state.get("out_conv.weight"), state.get("out_conv.bias")];
  if (weight?.shape.join() !== `${classes},${filters},1,1,1` || bias?.shape.join() !== `${classes}`) {
    throw badInput(
      `${path}: out_conv is [${weight?.shape}] with bias [${bias?.shape}]; expected [${classes},${filters},1,1,1] and [${classes}]`,
    );
  }
  const rows = converted("out_conv.weight", weight, path).data as Float32Array;
  const offsets = converted("out_conv.bias", bias, path).data as Float32Array;
  const [outWeight, outBias] = [new Float32Array(filters * filters), new Float32Array(filters)];
  const meanWeight = new Float32Array(classes * filters);
  outWeight.set(rows);
  outWeight.set(
    rows.map((value) => -value),
    rows.length,
  );
  outBias.set(offsets);
  outBias.set(
    offsets.map((value) => -value),
    classes,
  );
  for (let c = 0; c < classes; c++) {
    meanWeight[c * filters + c] = 1;
    meanWeight[c * filters + classes + c] = -1;
  }
  return new Map([
    ...state,
    ["out_conv.weight", { dtype: "F32", shape: [filters, filters, 1, 1, 1], data: outWeight }],
    ["out_conv.bias", { dtype: "F32", shape: [filters], data: outBias }],
    ["mean_l.weight", { dtype: "F32", shape: [classes, filters, 1, 1, 1], data: meanWeight }],
    ["mean_l.bias", { dtype: "F32", shape: [classes], data: new Float32Array(classes) }],
  ]);
}

/**
 * Fits a file's tensors to the names and shapes of a network.
 * @throws PenumbraError "bad-input": another shape, a type that holds no weights, values that are not finite, a tensor
 *   missing that prediction needs
 */
export function matchState(shapes: StateShapes, given: NamedTensors, path: string): MatchedState {
  const missing = [...shapes.keys()].filter((name) => !given.has(name));
  const needed = missing.find((name) => !DISPENSABLE.test(name));
  if (needed)
    throw badInput(
      `${path}: lacks ${needed}, and ${missing.length} of ${shapes.size} tensors in all; it is no complete network`,
    );
  const tensors = new Map(
    [...shapes].map(([name, shape]): [string, HostTensor] => {
      const tensor = given.get(name);
      if (!tensor) return [name, zeros(name, shape)];
      if (tensor.shape.join() !== shape.join()) {
        throw badInput(`${path}: ${name} is [${tensor.shape.join(", ")}]; expected [${shape.join(", ")}]`);
      }
      return [name, converted(name, tensor, path)];
    }),
  );
  return {
    tensors,
    missing,
    matched: [...shapes.keys()].filter((name) => given.has(name)),
    leftOver: [...given.keys()].filter((name) => !shapes.has(name)).map(shown),
  };
}
