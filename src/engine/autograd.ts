import { native } from "./libtorch.js";
import { callOwn, type Tensor } from "./tensor.js";

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
 * A scalar of the given value whose gradient with respect to `x` is `gradient` (of x's shape), both found without
 * recording: for losses whose gradient is known in closed form.
 */
export const withGradient = (value: Tensor, x: Tensor, gradient: Tensor): Tensor =>
  callOwn("with_gradient", value, x, gradient);
