import { native } from "./libtorch.js";
import type { Tensor } from "./tensor.js";

/** Runs `body` without recording for back-propagation. */
export function noGrad<T>(body: () => T): T {
  const before = native().setGradMode(false);
  try {
    return body();
  } finally {
    native().setGradMode(before);
  }
}

/**
 * A scalar of the given value whose gradient with respect to `x` is `gradient`, both found without recording:
 * sum(x·gradient), shifted to the value. For losses whose gradient is known in closed form.
 */
export function withGradient(value: Tensor, x: Tensor, gradient: Tensor): Tensor {
  const inner = x.mul(gradient).sum();
  return inner.add(value.sub(inner.detach()));
}
