import { createRequire } from "node:module";
import { badInput, PenumbraError } from "../errors.js";
import { findAddon, prepareEnvironment, setupCommand } from "./find-libtorch.js";

/** An opaque native tensor. */
export type Handle = { readonly __penumbraTensor: unique symbol };

export type NativeArgument =
  | Handle
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | NativeArgument[];
export type NativeResult = Handle | number | boolean | null | undefined | NativeResult[];

/** What `native/` exports. Everything above it goes through `Tensor` and the modules beside this one. */
export interface Native {
  call(name: string, overload: string, args: readonly NativeArgument[]): NativeResult;
  fromBytes(values: ArrayBufferView, shape: readonly number[], dtype: number): Handle;
  toBytes(tensor: Handle, values: ArrayBufferView): void;
  shape(tensor: Handle): number[];
  dtype(tensor: Handle): number;
  device(tensor: Handle): string;
  item(tensor: Handle): number;
  reportBytes(tensor: Handle): void;
  release(tensor: Handle): void;
  backward(tensor: Handle, gradient: Handle | null): void;
  setRequiresGrad(tensor: Handle, required: boolean): void;
  requiresGrad(tensor: Handle): boolean;
  gradient(tensor: Handle): Handle | null;
  clearGradient(tensor: Handle): void;
  setGradMode(enabled: boolean): boolean;
  setAutocast(enabled: boolean, device: string): void;
  seed(seed: number): void;
  generatorState(device: string): Handle;
  setGeneratorState(device: string, state: Handle): void;
  setThreads(count: number): void;
  threads(): number;
  setFlushDenormal(enabled: boolean): boolean;
  about(): LibtorchFacts;
  memory(): MemoryFigures;
  resetPeak(): void;
  trim(): void;
}

/** What the loaded libtorch says about itself. */
export interface LibtorchFacts {
  readonly version: string;
  readonly config: string;
  readonly parallel: string;
  readonly cudaDevices: number;
  /** Whether the current CUDA device convolves in bfloat16 (Ampere and newer, libtorch 2). */
  readonly cudaBf16: boolean;
  readonly mps: boolean;
  readonly oneDnn: boolean;
}

/** Live tensor handles, and bytes in blocks of at least 256 KB that tensors hold, held at most, or left for reuse. */
export interface MemoryFigures {
  readonly tensors: number;
  readonly bytes: number;
  readonly peakBytes: number;
  readonly cachedBytes: number;
}

let loaded: Native | undefined;

/**
 * The addon, loaded on first use.
 * @throws PenumbraError "environment" when it is not built or its libtorch can't be loaded.
 */
export function native(): Native {
  if (loaded) return loaded;
  const { addonPath, torchDir } = findAddon();
  prepareEnvironment();
  try {
    loaded = createRequire(import.meta.url)(addonPath) as Native;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new PenumbraError(
      "environment",
      `libtorch in ${torchDir} can't be loaded (${reason}); build again with: ${setupCommand()}`,
      { cause },
    );
  }
  return loaded;
}

/** Version and build of the loaded libtorch. */
export const libtorchFacts = (): LibtorchFacts => native().about();

/** Memory and live tensors of this process. */
export const memoryFigures = (): MemoryFigures => native().memory();

/** Starts a new measurement of `peakBytes`. */
export const resetPeakMemory = (): void => native().resetPeak();

/** Gives blocks kept for reuse back to the system. */
export const trimMemory = (): void => native().trim();

/** More than any machine has cores; each takes memory and time to start. */
export const MOST_THREADS = 1024;

/**
 * Threads for operators; 0 takes all cores. Debian's libtorch starts at one. Returns how many there are now.
 * @throws PenumbraError "bad-input" for no whole number from 0 to 1,024
 */
export function setThreads(count: number, cores: number): number {
  if (!Number.isInteger(count) || count < 0 || count > MOST_THREADS)
    throw badInput(
      `threads: ${count}; expected a whole number from 1 to ${MOST_THREADS}, or 0 for one for each core`,
    );
  native().setThreads(count > 0 ? count : cores);
  return native().threads();
}

/** Treats denormal floats as zero: they cost a hundred times a normal one and carry nothing here. */
export const flushDenormals = (): boolean => native().setFlushDenormal(true);
