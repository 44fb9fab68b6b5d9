import { native } from "./libtorch.js";
import type { Tensor } from "./tensor.js";

const open: Set<Tensor>[] = [];

/** Makes the innermost scope the owner of a tensor. False outside every scope: there garbage collection owns it. */
export function own(tensor: Tensor): boolean {
  return open.at(-1)?.add(tensor) !== undefined;
}

/** Takes a tensor out of its scopes: it lives until `dispose()`. Parameters and states are kept so. */
export function keep<T extends Tensor>(tensor: T): T {
  for (const tensors of open) tensors.delete(tensor);
  return tensor;
}

/**
 * Every tensor made by `body` is freed when it ends, but those in what it returns go to the scope around it, or to garbage
 * collection. `body` can't be asynchronous: its tensors would be freed while it waits.
 */
export function scope<T>(body: () => T): T {
  const tensors = new Set<Tensor>();
  open.push(tensors);
  let result: T;
  try {
    result = body();
  } catch (error) {
    open.pop();
    for (const tensor of tensors) tensor.dispose();
    throw error;
  }
  open.pop();
  if (result instanceof Promise) {
    result.catch(() => {}); // it will miss its tensors
    throw new TypeError("scope: its body is asynchronous; wait for what it needs before the scope");
  }
  for (const tensor of tensorsIn(result)) {
    if (tensors.delete(tensor) && !own(tensor)) native().reportBytes(tensor.handle);
  }
  for (const tensor of tensors) tensor.dispose();
  return result;
}

function* tensorsIn(value: unknown): Generator<Tensor> {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return;
  if ("handle" in value && "dispose" in value) yield value as Tensor;
  else if (value instanceof Map) for (const item of value.values()) yield* tensorsIn(item);
  else for (const item of Object.values(value)) yield* tensorsIn(item);
}
