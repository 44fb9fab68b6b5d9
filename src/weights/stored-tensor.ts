import type { HostTensor } from "../training/safetensors.js";
import { decodeElements, STORED_BYTES, type StoredDtype } from "../training/stored-dtype.js";

/** A run of elements of one storage, as a checkpoint names it. Nothing of it has been read. */
export class StorageView {
  constructor(
    readonly key: string,
    readonly dtype: StoredDtype,
    /** Elements of the whole storage. */
    readonly elements: number,
    /** Where the view begins, in elements; 0 but in very old files. */
    readonly start: number,
  ) {}
}

/** Shape and strides (in elements) over a storage, checked against it; the values are still in the file. */
export class StoredTensor {
  constructor(
    readonly storage: StorageView,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}

  get elements(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }
  /** Elements of the storage from the tensor's first to its last. */
  get span(): number {
    if (this.elements === 0) return 0;
    return 1 + this.shape.reduce((last, n, axis) => last + (n - 1) * this.strides[axis]!, 0);
  }
}

/** Most axes that a tensor may have. */
const MAX_RANK = 8;

/** Why shape, strides and offset do not lie in a storage; null when they do. */
export function tensorFault(tensor: StoredTensor): string | null {
  const { storage, offset, shape, strides } = tensor;
  if (shape.length > MAX_RANK || shape.length !== strides.length) {
    return `it has ${shape.length} sizes and ${strides.length} strides`;
  }
  if (![offset, ...shape, ...strides].every((n) => Number.isSafeInteger(n) && n >= 0)) {
    return `its offset ${offset}, shape [${shape}] or strides [${strides}] is no count`;
  }
  const end = offset + tensor.span;
  if (!Number.isSafeInteger(tensor.elements) || !Number.isSafeInteger(end) || end > storage.elements) {
    return `shape [${shape}] with strides [${strides}] from ${offset} ends outside its storage of ${storage.elements}`;
  }
  return null;
}

const isContiguous = ({ shape, strides }: StoredTensor): boolean => {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
};

/** The tensor's values in row-major order, from the bytes of its span. */
export function gather(tensor: StoredTensor, bytes: Uint8Array): HostTensor {
  const { shape } = tensor;
  const stored = decodeElements(tensor.storage.dtype, bytes);
  if (isContiguous(tensor)) return { shape, ...stored };
  const data = new (stored.data.constructor as new (length: number) => typeof stored.data)(tensor.elements);
  const index = shape.map(() => 0);
  for (let i = 0, at = 0; i < data.length; i++) {
    data[i] = stored.data[at]!;
    at = next(index, tensor, at);
  }
  return { dtype: stored.dtype, shape, data };
}

/** Moves a row-major index on by one, and gives the position that belongs to it. */
function next(index: number[], { shape, strides }: StoredTensor, at: number): number {
  let position = at;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position += strides[axis]!;
    if (++index[axis]! < shape[axis]!) return position;
    position -= shape[axis]! * strides[axis]!;
    index[axis] = 0;
  }
  return position;
}

/** Bytes that a tensor takes: of its span in the file, or of its values, whichever is more. */
export const bytesTaken = (tensor: StoredTensor): number =>
  Math.max(tensor.span, tensor.elements) * Math.max(4, STORED_BYTES[tensor.storage.dtype]);
