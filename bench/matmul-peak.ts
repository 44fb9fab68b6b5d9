import { randn } from "#dist/engine/make-tensor.js";
import type { Precision } from "#dist/engine/precision.js";
import { scope } from "#dist/engine/scope.js";
import { median, secondsOf } from "./measure.js";

const SIDE = { cpu: 2048, other: 8192 };

/** GFLOP/s of a product of two large matrices: what libtorch reaches at best on a device. */
export function matmulPeakGflops(precision: Precision, device = "cpu"): number {
  return scope(() => {
    const dtype = precision === "bf16" ? "bfloat16" : "float32";
    const side = device === "cpu" ? SIDE.cpu : SIDE.other;
    const factor = () => randn([side, side], { device }).to(dtype);
    const [a, b] = [factor(), factor()];
    // one number of it read: a device is through only then
    const product = () => scope(() => void a.matmul(b).slice(0, 0, 1).slice(1, 0, 1).item());
    product();
    const seconds = median(Array.from({ length: 9 }, () => secondsOf(product)));
    return (2 * side ** 3) / seconds / 1e9;
  });
}
