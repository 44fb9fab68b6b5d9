import { badInput } from "../errors.js";
import type { StoredDtype } from "../training/stored-dtype.js";
import { Callable, Dict, type PickleValue, StorageType, Tuple } from "./pickle-values.js";
import { shown } from "./shown.js";
import { StorageView, StoredTensor, tensorFault } from "./stored-tensor.js";
import type { Allowed } from "./unpickle.js";

/** PyTorch's storage classes and what they hold. */
const STORAGES: Readonly<Record<string, StoredDtype>> = {
  "torch.FloatStorage": "F32",
  "torch.DoubleStorage": "F64",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};

const pairOf = (value: PickleValue): readonly PickleValue[] | null => {
  const items = value instanceof Tuple ? value.items : value;
  return Array.isArray(items) && items.length === 2 ? items : null;
};
const counts = (value: PickleValue | undefined): number[] | null =>
  value instanceof Tuple && value.items.every((n) => typeof n === "number")
    ? (value.items as number[])
    : null;

/** The names that a checkpoint's pickle may use, made for one file. All else is refused by name. */
export class AllowedNames implements Allowed {
  /** Every storage named so far, by key. */
  readonly storages = new Map<string, StorageView>();
  readonly #globals: ReadonlyMap<string, PickleValue>;

  /** @param where what errors call the file */
  constructor(readonly where: string) {
    const makers: Record<string, (args: readonly PickleValue[]) => PickleValue> = {
      "collections.OrderedDict": (args) => this.#orderedDict(args),
      "torch.Size": (args) => (args[0] instanceof Tuple ? args[0] : new Tuple(args)),
      "torch._utils._rebuild_tensor": (args) => this.#tensor(args),
      "torch._utils._rebuild_tensor_v2": (args) => this.#tensor(args),
      "torch._utils._rebuild_parameter": ([data]) => this.#parameter(data),
    };
    this.#globals = new Map<string, PickleValue>([
      ...Object.entries(makers).map(([name, make]): [string, PickleValue] => [
        name,
        new Callable(name, make),
      ]),
      ...Object.entries(STORAGES).map(([name, dtype]): [string, PickleValue] => [
        name,
        new StorageType(name, dtype),
      ]),
    ]);
  }

  /** @throws PenumbraError "bad-input" for a name that is not on the list */
  global(name: string): PickleValue {
    const found = this.#globals.get(name);
    if (found) return found;
    throw badInput(
      `${this.where}: refused, it asks for ${shown(name)}; only tensors, numbers, texts, dicts and lists are read and nothing is run. ` +
        "Save the weights alone: torch.save(model.state_dict(), FILE)",
    );
  }

  /** ("storage", class, key, device, elements[, view]) @throws PenumbraError "bad-input" for anything else */
  persistent(id: PickleValue): PickleValue {
    const [kind, type, key, , elements, view] = id instanceof Tuple ? id.items : [];
    if (kind !== "storage") throw this.#damaged(`it refers to ${shown(String(kind))} outside its pickle`);
    if (!(type instanceof StorageType && typeof key === "string" && isCount(elements))) {
      throw this.#damaged("it describes a storage in an unknown way");
    }
    const whole = this.#storage(key, type, elements);
    return view instanceof Tuple ? this.#view(whole, view) : whole;
  }

  #storage(key: string, { dtype }: StorageType, elements: number): StorageView {
    const before = this.storages.get(key);
    if (before && (before.dtype !== dtype || before.elements !== elements)) {
      throw this.#damaged(`storage ${shown(key)} is described twice, differently`);
    }
    const storage = before ?? new StorageView(key, dtype, elements, 0);
    this.storages.set(key, storage);
    return storage;
  }

  /** (key, first element, elements), only in files of early versions. */
  #view({ key, dtype, elements }: StorageView, { items }: Tuple): StorageView {
    const [, start, length] = items;
    if (!isCount(start) || !isCount(length) || start + length > elements) {
      throw this.#damaged(`a view of storage ${shown(key)} ends outside it`);
    }
    return new StorageView(key, dtype, start + length, start);
  }

  #tensor([storage, offset, shape, strides]: readonly PickleValue[]): StoredTensor {
    const [sizes, steps] = [counts(shape), counts(strides)];
    if (!(storage instanceof StorageView && isCount(offset) && sizes && steps)) {
      throw this.#damaged("it describes a tensor in an unknown way");
    }
    const tensor = new StoredTensor(storage, storage.start + offset, sizes, steps);
    const fault = tensorFault(tensor);
    if (fault) throw this.#damaged(`a tensor in it is impossible: ${fault}`);
    return tensor;
  }

  #parameter(data: PickleValue | undefined): StoredTensor {
    if (data instanceof StoredTensor) return data;
    throw this.#damaged("it describes a parameter in an unknown way");
  }

  #orderedDict([items]: readonly PickleValue[]): Dict {
    const dict = new Dict();
    if (items === undefined) return dict;
    for (const item of Array.isArray(items) ? items : [null]) {
      const [key, value] = pairOf(item) ?? [];
      if (typeof key !== "string" || value === undefined) {
        throw this.#damaged("it makes an OrderedDict of what are no pairs");
      }
      dict.entries.set(key, value);
    }
    return dict;
  }

  #damaged(what: string): Error {
    return badInput(`${this.where} is damaged: ${what}; copy or save it again`);
  }
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
