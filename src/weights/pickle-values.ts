import type { StorageView, StoredTensor } from "./stored-tensor.js";

/** What a pickle may hold here: data only. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Tuple
  | Dict
  | Callable
  | StorageType
  | StorageView
  | StoredTensor;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** Keys are texts, whole numbers and truth values; Python dicts and OrderedDicts alike. */
export type DictKey = string | number | bigint | boolean | null;

export class Dict {
  readonly entries = new Map<DictKey, PickleValue>();
}

/** A name of the allow-list that a pickle may call; `make` is our own and only builds data. */
export class Callable {
  constructor(
    readonly name: string,
    readonly make: (args: readonly PickleValue[]) => PickleValue,
  ) {}
}

/** A class of PyTorch's that stands for the element type of a storage. */
export class StorageType {
  constructor(
    readonly name: string,
    readonly dtype: StoredTensor["storage"]["dtype"],
  ) {}
}
