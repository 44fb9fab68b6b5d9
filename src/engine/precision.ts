import { native } from "./libtorch.js";

/** "bf16": bfloat16 where libtorch's autocast list allows it (convolutions, products); states stay float32. */
export type Precision = "fp32" | "bf16";

/** The device that runs in bfloat16 at the moment. */
let coarse: string | null = null;

/** Turns bfloat16 on for a device or off, and restores what was before. */
function switched<T>(device: string | null, body: () => T): T {
  const before = coarse;
  const turn = (from: string | null, to: string | null) => {
    if (from !== null && from !== to) native().setAutocast(false, from);
    if (to !== null && from !== to) native().setAutocast(true, to);
    coarse = to;
  };
  turn(before, device);
  try {
    return body();
  } finally {
    turn(device, before);
  }
}

/** Runs `body` in a precision on a device. */
export const withPrecision = <T>(precision: Precision, device: string, body: () => T): T =>
  switched(precision === "bf16" ? device : null, body);

/** `body`, to be run later in the precision of now. */
export function inSamePrecision<T>(body: () => T): () => T {
  const device = coarse;
  return () => switched(device, body);
}

/**
 * Runs `body` in float32, whatever precision is around it: for losses whose sums and counts bfloat16's eight bits can't
 * hold (a count over 256, a difference of nearly equal means).
 */
export const inFloat32 = <T>(body: () => T): T => switched(null, body);
