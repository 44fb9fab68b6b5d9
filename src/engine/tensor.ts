import { DTYPES, type DType, scalarType } from "./dtype.js";
import { type Handle, type NativeArgument, type NativeResult, native } from "./libtorch.js";
import { free, isHandle, named } from "./native-call.js";
import { own } from "./scope.js";

export type Scalar = number;
type Operand = Tensor | Scalar;
export type Argument = Tensor | number | bigint | boolean | string | null | undefined | readonly Argument[];

const toNative = (value: Argument): NativeArgument => {
  if (value instanceof Tensor) return value.handle;
  if (Array.isArray(value)) return value.map(toNative);
  return value as NativeArgument;
};

/** Runs an operator. */
const run = (name: string, overload: string, args: readonly Argument[]): NativeResult =>
  named(name, () => native().call(name, overload, args.map(toNative)));

/** Runs an operator that returns one tensor. */
function one(name: string, overload: string, args: readonly Argument[]): Tensor {
  const result = run(name, overload, args);
  if (isHandle(result)) return new Tensor(result);
  free(result);
  const got = Array.isArray(result) ? "several values" : String(result);
  throw new Error(
    `${name}: expected an operator that returns one tensor, got ${got}; callMany takes several`,
  );
}

/** Runs an operator that returns several tensors (undefined ones are left out). */
function several(name: string, overload: string, args: readonly Argument[]): Tensor[] {
  const result = run(name, overload, args);
  const handles = Array.isArray(result) ? result.filter((item) => item !== null) : null;
  if (handles?.every(isHandle)) return handles.map((handle) => new Tensor(handle));
  free(result);
  throw new Error(
    `${name}: expected an operator that returns several tensors; call takes one that returns one`,
  );
}

/**
 * Any ATen operator that returns one tensor.
 * @throws Error naming the operator when an argument has the wrong kind, was freed, or the operator refuses it, or when
 *   its result is no tensor; PenumbraError "environment" when memory runs out.
 */
export function call(name: string, overload: string, ...args: Argument[]): Tensor {
  return one(`aten::${name}`, overload, args);
}

/** Any ATen operator that returns several tensors (undefined ones are left out). */
export function callMany(name: string, overload: string, ...args: Argument[]): Tensor[] {
  return several(`aten::${name}`, overload, args);
}

/** An operator called for its effect on its arguments. */
export function callVoid(name: string, overload: string, ...args: Argument[]): void {
  free(run(`aten::${name}`, overload, args));
}

/** An operator of this addon's own. */
export function callOwn(name: string, ...args: Argument[]): Tensor {
  return one(`penumbra::${name}`, "", args);
}

/** An operator of this addon's own that returns several tensors. */
export function callOwnMany(name: string, ...args: Argument[]): Tensor[] {
  return several(`penumbra::${name}`, "", args);
}

const numelOf = (handle: Handle): number =>
  native()
    .shape(handle)
    .reduce((product, n) => product * n, 1);

type Values = Float32Array | Uint8Array | BigInt64Array;

/** Copies a tensor of one of some types, else converted to the first of them, to an array of the host. */
const toHost = <T extends Values>(
  x: Tensor,
  name: string,
  dtypes: readonly [DType, ...DType[]],
  Kind: new (length: number) => T,
): T =>
  named(name, () => {
    const dtype = native().dtype(x.handle);
    const source = dtypes.some((known) => DTYPES[known] === dtype) ? x : x.to(dtypes[0]);
    const values = new Kind(numelOf(source.handle));
    native().toBytes(source.handle, values);
    return values;
  });

/**
 * A tensor of libtorch. Methods are ATen's operators of the same name; those ending in `_` change the tensor.
 * It is owned by the scope it was made in (`scope`, `keep`).
 */
export class Tensor {
  constructor(readonly handle: Handle) {
    if (!own(this)) native().reportBytes(handle);
  }

  get shape(): number[] {
    return named("Tensor.shape", () => native().shape(this.handle));
  }
  get device(): string {
    return named("Tensor.device", () => native().device(this.handle));
  }
  get dtype(): DType {
    const number = named("Tensor.dtype", () => native().dtype(this.handle));
    const found = (Object.keys(DTYPES) as DType[]).find((name) => DTYPES[name] === number);
    if (!found) throw new Error(`Tensor.dtype: libtorch's scalar type ${number} has no name here`);
    return found;
  }
  get requiresGrad(): boolean {
    return named("Tensor.requiresGrad", () => native().requiresGrad(this.handle));
  }
  /** The accumulated gradient, or null before a backward pass reached this tensor. */
  get grad(): Tensor | null {
    const handle = named("Tensor.grad", () => native().gradient(this.handle));
    return handle && new Tensor(handle);
  }

  /** Frees the memory now. Using the tensor later is an error, never a crash. */
  dispose(): void {
    native().release(this.handle);
  }
  /** The one value of a tensor of one element. */
  item(): number {
    return named("Tensor.item", () => native().item(this.handle));
  }
  requireGrad(required = true): this {
    named("Tensor.requireGrad", () => native().setRequiresGrad(this.handle, required));
    return this;
  }
  clearGrad(): void {
    named("Tensor.clearGrad", () => native().clearGradient(this.handle));
  }
  /** Back-propagates from this scalar, or from a tensor whose gradient is given. */
  backward(gradient?: Tensor): void {
    // what is no tensor goes in as it is, and is refused there
    named("Tensor.backward", () => native().backward(this.handle, toNative(gradient) as Handle | null));
  }

  toFloat32Array(): Float32Array {
    return toHost(this, "Tensor.toFloat32Array", ["float32"], Float32Array);
  }
  toUint8Array(): Uint8Array {
    return toHost(this, "Tensor.toUint8Array", ["uint8", "bool"], Uint8Array);
  }
  toBigInt64Array(): BigInt64Array {
    return toHost(this, "Tensor.toBigInt64Array", ["int64"], BigInt64Array);
  }

  numel(): number {
    return named("Tensor.numel", () => numelOf(this.handle));
  }

  add(other: Operand, alpha = 1): Tensor {
    return other instanceof Tensor
      ? call("add", "Tensor", this, other, alpha)
      : call("add", "Scalar", this, other * alpha);
  }
  sub(other: Operand): Tensor {
    return other instanceof Tensor ? call("sub", "Tensor", this, other) : call("sub", "Scalar", this, other);
  }
  mul(other: Operand): Tensor {
    return other instanceof Tensor ? call("mul", "Tensor", this, other) : call("mul", "Scalar", this, other);
  }
  div(other: Operand): Tensor {
    return other instanceof Tensor ? call("div", "Tensor", this, other) : call("div", "Scalar", this, other);
  }
  neg(): Tensor {
    return call("neg", "", this);
  }
  exp(): Tensor {
    return call("exp", "", this);
  }
  log(): Tensor {
    return call("log", "", this);
  }
  sqrt(): Tensor {
    return call("sqrt", "", this);
  }
  square(): Tensor {
    return this.mul(this);
  }
  relu(): Tensor {
    return call("relu", "", this);
  }
  clamp(min: number | null, max: number | null = null): Tensor {
    return call("clamp", "", this, min, max);
  }

  sum(dims?: readonly number[], keepDim = false): Tensor {
    return dims ? call("sum", "dim_IntList", this, dims, keepDim) : call("sum", "", this);
  }
  mean(dims?: readonly number[], keepDim = false): Tensor {
    return dims ? call("mean", "dim", this, dims, keepDim) : call("mean", "", this);
  }
  max(): Tensor {
    return call("max", "", this);
  }
  amax(dims: readonly number[], keepDim = false): Tensor {
    return call("amax", "", this, dims, keepDim);
  }
  logsumexp(dims: readonly number[], keepDim = false): Tensor {
    return call("logsumexp", "", this, dims, keepDim);
  }
  softmax(dim: number): Tensor {
    return call("softmax", "int", this, dim);
  }
  logSoftmax(dim: number): Tensor {
    return call("log_softmax", "int", this, dim);
  }
  argmax(dim: number): Tensor {
    return call("argmax", "", this, dim);
  }
  norm(dims: readonly number[], keepDim = false): Tensor {
    return call("norm", "ScalarOpt_dim", this, 2, dims, keepDim);
  }

  matmul(other: Tensor): Tensor {
    return call("matmul", "", this, other);
  }
  bmm(other: Tensor): Tensor {
    return call("bmm", "", this, other);
  }
  transpose(a: number, b: number): Tensor {
    return call("transpose", "int", this, a, b);
  }
  permute(dims: readonly number[]): Tensor {
    return call("permute", "", this, dims);
  }
  contiguous(): Tensor {
    return call("contiguous", "", this);
  }
  reshape(shape: readonly number[]): Tensor {
    return call("reshape", "", this, shape);
  }
  expand(shape: readonly number[]): Tensor {
    return call("expand", "", this, shape);
  }
  unsqueeze(dim: number): Tensor {
    return call("unsqueeze", "", this, dim);
  }
  squeeze(dim: number): Tensor {
    return call("squeeze", "dim", this, dim);
  }
  /** Elements [start, end) along an axis: a view. */
  slice(dim: number, start: number, end: number): Tensor {
    return call("slice", "Tensor", this, dim, start, end);
  }
  /** Consecutive parts of these sizes along an axis: views, whose gradients become one again in one go. */
  split(sizes: readonly number[], dim = 0): Tensor[] {
    return callMany("split_with_sizes", "", this, sizes, dim);
  }
  select(dim: number, index: number): Tensor {
    return call("select", "int", this, dim, index);
  }
  indexSelect(dim: number, index: Tensor): Tensor {
    return call("index_select", "", this, dim, index);
  }
  eq(other: Operand): Tensor {
    return other instanceof Tensor ? call("eq", "Tensor", this, other) : call("eq", "Scalar", this, other);
  }
  lt(other: Scalar): Tensor {
    return call("lt", "Scalar", this, other);
  }
  isFinite(): Tensor {
    return call("isfinite", "", this);
  }
  all(): Tensor {
    return call("all", "", this);
  }

  detach(): Tensor {
    return call("detach", "", this);
  }
  clone(): Tensor {
    return call("clone", "", this);
  }
  to(dtype: DType): Tensor {
    return call("to", "dtype", this, scalarType(dtype, "Tensor.to"));
  }
  toDevice(device: string): Tensor {
    return call("to", "dtype_layout", this, null, null, device);
  }

  copy_(source: Tensor): this {
    callVoid("copy_", "", this, source);
    return this;
  }
  add_(other: Tensor, alpha = 1): this {
    callVoid("add_", "Tensor", this, other, alpha);
    return this;
  }
  sub_(other: Tensor): this {
    callVoid("sub_", "Tensor", this, other);
    return this;
  }
  mul_(other: Tensor): this {
    callVoid("mul_", "Tensor", this, other);
    return this;
  }
  exp_(): this {
    callVoid("exp_", "", this);
    return this;
  }
  fill_(value: number): this {
    callVoid("fill_", "Scalar", this, value);
    return this;
  }
  zero_(): this {
    callVoid("zero_", "", this);
    return this;
  }
}
