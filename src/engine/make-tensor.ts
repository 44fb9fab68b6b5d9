import { DTYPES, type DType, scalarType } from "./dtype.js";
import { native } from "./libtorch.js";
import { named } from "./native-call.js";
import { type Argument, call, callOwn, Tensor } from "./tensor.js";

type HostArray = Float32Array | Float64Array | Uint8Array | Int32Array | BigInt64Array;

const dtypeOfArray = (values: HostArray): DType => {
  if (values instanceof Float32Array) return "float32";
  if (values instanceof Float64Array) return "float64";
  if (values instanceof Uint8Array) return "uint8";
  if (values instanceof Int32Array) return "int32";
  if (values instanceof BigInt64Array) return "int64";
  const got = Object.prototype.toString.call(values).slice("[object ".length, -1);
  const known = "Float32Array, Float64Array, Uint8Array, Int32Array or BigInt64Array";
  throw new Error(`fromArray: expected ${known}, got ${got}; copy it into one of them`);
};

/**
 * A copy of host values as a tensor of the array's own type.
 * @throws Error for another kind of array, and when shape and length disagree.
 */
export function fromArray(values: HostArray, shape: readonly number[], device = "cpu"): Tensor {
  const handle = named("fromArray", () => native().fromBytes(values, shape, DTYPES[dtypeOfArray(values)]));
  const tensor = new Tensor(handle);
  return device === "cpu" ? tensor : tensor.toDevice(device);
}

/** float32 on the CPU where nothing else is asked for. */
type Options = { dtype?: DType; device?: string };
const make = (name: string, first: Argument[], { dtype = "float32", device = "cpu" }: Options): Tensor =>
  call(name, "", ...first, scalarType(dtype, name), null, device, null);

/** Zeros of a shape. @throws Error for a shape, dtype or device that can't be, PenumbraError for lack of memory */
export const zeros = (shape: readonly number[], options: Options = {}): Tensor =>
  make("zeros", [shape], options);
/** Ones of a shape. @throws as `zeros` */
export const ones = (shape: readonly number[], options: Options = {}): Tensor =>
  make("ones", [shape], options);
/** One value everywhere. @throws as `zeros` */
export const full = (shape: readonly number[], value: number, options: Options = {}): Tensor =>
  make("full", [shape, value], options);
/** Standard normal draws; libtorch's seeded generator decides them. */
export const randn = (shape: readonly number[], options: Options = {}): Tensor => {
  const { dtype = "float32", device = "cpu" } = options;
  const onHost = dtype === "float32" && device === "cpu";
  return onHost ? callOwn("standard_normal", shape) : make("randn", [shape], options);
};
/** Uniform draws from [0, 1). */
export const rand = (shape: readonly number[], options: Options = {}): Tensor =>
  make("rand", [shape], options);
/** The numbers from 0 to n - 1, int64 [n], in an order drawn at random. @throws as `zeros` */
export const randperm = (n: number, options: Options = {}): Tensor =>
  make("randperm", [n], { dtype: "int64", ...options });
/** [..,A,..], [..,B,..], … -> [..,A+B+…,..], joined along `dim`. @throws Error when there is none or other axes differ */
export const cat = (tensors: readonly Tensor[], dim: number): Tensor => call("cat", "", tensors, dim);
/** N tensors of one shape [..] -> [..,N,..] with a new axis at `dim`. @throws Error when there is none or shapes differ */
export const stack = (tensors: readonly Tensor[], dim: number): Tensor => call("stack", "", tensors, dim);
