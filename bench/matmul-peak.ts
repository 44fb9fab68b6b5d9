import { randn } from "#dist/engine/make-tensor.js";
import { type Precision, withPrecision } from "#dist/engine/precision.js";
import { scope } from "#dist/engine/scope.js";
import { median, secondsOf } from "./measure.js";

const SIDE = 2048;

/** GFLOP/s of a product of two large matrices: what this machine's libtorch reaches at best. */
export function matmulPeakGflops(precision: Precision): number {
  return scope(() => {
    const dtype = precision === "bf16" ? "bfloat16" : "float32";
    const [a, b] = [randn([SIDE, SIDE]).to(dtype), randn([SIDE, SIDE]).to(dtype)];
    const product = () => withPrecision("fp32", "cpu", () => scope(() => void a.matmul(b)));
    product();
    const seconds = median(Array.from({ length: 9 }, () => secondsOf(product)));
    return (2 * SIDE ** 3) / seconds / 1e9;
  });
}
