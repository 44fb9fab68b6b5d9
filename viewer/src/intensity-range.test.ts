import type { NVImage } from "@niivue/niivue";
import { describe, expect, it } from "vitest";
import { intensityRange, isCtImage, shownRange } from "./intensity-range.js";

/** 20 x 20 x 20 voxels that rise evenly from 0 to 1, and one that does not. */
function ramp(odd: number): Float32Array {
  const voxels = Float32Array.from({ length: 8000 }, (_, i) => ((i * 7919) % 8000) / 7999);
  voxels[5] = odd;
  return voxels;
}

describe("intensityRange", () => {
  it("leaves one voxel far out of range out of the robust range, and has it in the whole one", () => {
    const { whole, robust } = intensityRange(ramp(1e9), [20, 20, 20]);
    expect(whole).toEqual([0, 1e9]);
    expect(robust[0]).toBeCloseTo(0.02, 1);
    expect(robust[1]).toBeCloseTo(0.98, 1);
  });

  it("looks at every voxel for the whole range, at the middle for the robust one", () => {
    const voxels = new Int16Array(8000).fill(-1000); // air
    for (let z = 5; z < 15; z++) {
      for (let y = 5; y < 15; y++) for (let x = 5; x < 15; x++) voxels[(z * 20 + y) * 20 + x] = 10 * x;
    }
    voxels[7999] = 3000;
    expect(intensityRange(voxels, [20, 20, 20])).toEqual({ whole: [-1000, 3000], robust: [50, 140] });
  });

  it("takes zeros for background where they are most, and all where nothing else differs", () => {
    const voxels = new Float32Array(8000);
    for (let i = 0; i < 8000; i += 4) voxels[i] = 100 + (i % 97);
    const { robust } = intensityRange(voxels, [20, 20, 20]);
    expect(robust[0]).toBe(0);
    expect(robust[1]).toBeGreaterThan(180);
    const alike = new Float32Array(8000).fill(4);
    alike[0] = 2;
    expect(intensityRange(alike, [20, 20, 20])).toEqual({ whole: [2, 4], robust: [2, 4] });
    const nothing = new Float32Array(8).fill(Number.NaN);
    expect(intensityRange(nothing, [2, 2, 2])).toEqual({ whole: [0, 0], robust: [0, 0] });
  });
});

it("bounds what is shown where a voxel lies far out of range, and only there", () => {
  const shown = (global_max: number) =>
    shownRange({ robust_min: 0, robust_max: 2, global_min: -1, global_max } as NVImage);
  expect(shown(30)).toEqual([-1, 30]);
  expect(shown(1e9)).toEqual([-1, 33]);
});

it("takes Hounsfield units for CT, also where slices are padded, but no MRI with a voxel far below zero", () => {
  const isCtOf = (global_min: number, robust_min: number, robust_max: number) =>
    isCtImage({ robust_min, robust_max, global_min, global_max: 3000 } as NVImage);
  expect(isCtOf(-1024, 20, 140)).toBe(true);
  expect(isCtOf(-32768, 20, 140)).toBe(true);
  expect(isCtOf(-32768, -1000, 300)).toBe(true);
  expect(isCtOf(-30000, 0, 900)).toBe(false);
  expect(isCtOf(-4096, -3930, 3930)).toBe(false); // phase
  expect(isCtOf(-1, -1, 3)).toBe(false);
});
