import { expect, it } from "vitest";
import { seeded } from "../data/random.js";
import type { Triple } from "../volume/volume.js";
import { addRicianNoise_, applyBias_, blur, gaussianKernel } from "./scanner.js";

it("bias is exp of its weights at the corners and 1 in the middle", () => {
  const image = new Float32Array(27).fill(1);
  applyBias_(image, [3, 3, 3], [0.1, 0.2, 0.3, 0.4]);
  expect(image[13]).toBe(1);
  expect(image[26]).toBeCloseTo(Math.exp(0.1 + 0.2 + 0.3 + 0.4), 6); // x = y = z = 1
  expect(image[2]).toBeCloseTo(Math.exp(0.1 - 0.2 - 0.3 - 0.4), 6); // x = 1, y = z = -1
});

it("a Gaussian kernel sums to 1 and falls as exp(-x²/2σ²)", () => {
  const kernel = gaussianKernel(0.5);
  expect(kernel).toHaveLength(5);
  expect(kernel.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  expect(kernel[3]! / kernel[2]!).toBeCloseTo(Math.exp(-2), 12);
});

it("blur spreads a point by the kernel along each axis and keeps a constant", () => {
  const shape: Triple = [5, 6, 7];
  const kernel = gaussianKernel(0.5);
  const point = new Float32Array(210);
  point[(2 * 6 + 3) * 7 + 3] = 1;
  const spread = blur(point, shape, 0.5);
  expect(spread[(2 * 6 + 3) * 7 + 4]).toBeCloseTo(kernel[3]! * kernel[2]! ** 2, 6);
  expect(spread[(1 * 6 + 3) * 7 + 3]).toBeCloseTo(kernel[3]! * kernel[2]! ** 2, 6);
  expect(spread.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  for (const value of blur(new Float32Array(210).fill(3), shape, 0.9)) expect(value).toBeCloseTo(3, 5);
});

it("Rician noise makes air bright by σ·√(π/2) and leaves a strong signal's mean", () => {
  const mean = (signal: number) => {
    const image = new Float32Array(20000).fill(signal);
    addRicianNoise_(image, 0.1, seeded(3));
    return image.reduce((a, b) => a + b) / image.length;
  };
  expect(mean(0)).toBeCloseTo(0.1 * Math.sqrt(Math.PI / 2), 2);
  expect(mean(2)).toBeCloseTo(Math.sqrt(4 + 0.01), 2);
});
