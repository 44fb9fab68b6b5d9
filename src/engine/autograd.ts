import { native } from "./libtorch.js";
import { callOwn, type Tensor } from "./tensor.js";

let isRecording = true;

/** Whether operators are recorded for back-propagation at the moment. */
export const gradientsOn = (): boolean => isRecording;

/** Runs `body` without recording for back-propagation. */
export function noGrad<T>(body: () => T): T {
  const before = native().setGradMode(false);
  isRecording = false;
  try {
    return body();
  } finally {
    native().setGradMode(before);
    isRecording = before;
  }
}

/**
 * A scalar of the given value whose gradient with respect to `x` is `gradient` (of x's shape), both found without
 * recording: for losses whose gradient is known in closed form.
 */
export const withGradient = (value: Tensor, x: Tensor, gradient: Tensor): Tensor =>
  callOwn("with_gradient", value, x, gradient);
