import { native } from "./libtorch.js";

/** "bf16": bfloat16 where libtorch's autocast list allows it (convolutions, products); states stay float32. */
export type Precision = "fp32" | "bf16";

/** Runs `body` in a precision on a device. */
export function withPrecision<T>(precision: Precision, device: string, body: () => T): T {
  if (precision === "fp32") return body();
  native().setAutocast(true, device);
  try {
    return body();
  } finally {
    native().setAutocast(false, device);
  }
}
