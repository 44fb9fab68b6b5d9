import type { Random } from "../data/random.js";
import type { Triple } from "../volume/volume.js";
import { normalPair } from "./draws.js";

/** exp(a·x + b·y + c·z + d·x·y) over the volume, x, y, z from -1 to 1 along W, H, D: a coil's smooth sensitivity. In place. */
export function applyBias_(image: Float32Array, [d, h, w]: Triple, weights: readonly number[]): void {
  const [a, b, c, e] = weights as [number, number, number, number];
  const place = (i: number, n: number) => (n > 1 ? (2 * i) / (n - 1) - 1 : 0);
  for (let k = 0, at = 0; k < d; k++) {
    for (let j = 0; j < h; j++) {
      for (let i = 0; i < w; i++, at++) {
        const [x, y, z] = [place(i, w), place(j, h), place(k, d)];
        image[at] = image[at]! * Math.exp(a * x + b * y + c * z + e * x * y);
      }
    }
  }
}

/** Weights of a Gaussian of this deviation (voxels) over ±3 deviations, their sum 1. */
export function gaussianKernel(deviation: number): Float64Array {
  const reach = Math.ceil(3 * deviation);
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

/** Gaussian blur of a [D, H, W] image along all axes, edges repeated; a new array. */
export function blur(image: Float32Array, shape: Triple, deviation: number): Float32Array {
  const kernel = gaussianKernel(deviation);
  const reach = (kernel.length - 1) / 2;
  const steps = [shape[1] * shape[2], shape[2], 1];
  return steps.reduce((source, step, axis) => {
    const size = shape[axis]!;
    return source.map((_, at) => {
      const position = Math.floor(at / step) % size;
      let sum = 0;
      for (let i = -reach; i <= reach; i++) {
        const seen = Math.min(size - 1, Math.max(0, position + i));
        sum += kernel[i + reach]! * source[at + (seen - position) * step]!;
      }
      return sum;
    });
  }, image);
}

/** Magnitude of a signal with noise in both channels: |signal + n1 + i·n2| (Gudbjartsson & Patz 1995). In place. */
export function addRicianNoise_(image: Float32Array, deviation: number, random: Random): void {
  for (let at = 0; at < image.length; at++) {
    const [real, imaginary] = normalPair(random);
    image[at] = Math.hypot(image[at]! + deviation * real, deviation * imaginary);
  }
}
