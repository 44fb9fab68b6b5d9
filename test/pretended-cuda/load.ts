import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { libtorchFacts } from "../../src/engine/libtorch.js";

const PRETENDED = new URL("../../build/pretended-cuda.node", import.meta.url).pathname;

/** Whether the device is the pretended one: it adds in the same order each time, as real ones do not. */
export const isPretended = existsSync(PRETENDED);

/** Why no CUDA device can be tested on, else null; a pretended one is there from now on where it was built. */
export function withoutCuda(): string | null {
  if (isPretended) createRequire(import.meta.url)(PRETENDED);
  return libtorchFacts().cudaDevices > 0 ? null : "no CUDA device, and no pretended one on this system";
}
