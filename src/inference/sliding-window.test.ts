import { describe, expect, it } from "vitest";
import { memoryFigures } from "../engine/libtorch.js";
import { full } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { SegmentationNetwork } from "../models/segmentation-network.js";
import { type Triple, voxelCount } from "../volume/volume.js";
import { slidingWindow, type WindowFunction, windowStarts } from "./sliding-window.js";

const constantNetwork =
  (value: number): WindowFunction =>
  (patch) =>
    full(patch.shape, value);
const identity: WindowFunction = (patch) => patch.clone();
const counting = (shape: Triple) => Float32Array.from({ length: voxelCount(shape) }, (_, i) => i + 1);

const values = (image: Float32Array, shape: Triple, run: WindowFunction, patch: Triple, stride: Triple) =>
  slidingWindow(image, shape, run, { patchSize: patch, stride, device: "cpu" });

describe("windowStarts", () => {
  it.each([
    [10, 4, 4, [0, 4, 6]],
    [12, 4, 4, [0, 4, 8]],
    [5, 4, 3, [0, 1]],
    [4, 4, 1, [0]],
    [6, 4, 1, [0, 1, 2]],
  ])("%i voxels, patch %i, stride %i", (size, patch, stride, starts) => {
    expect(windowStarts(size, patch, stride)).toEqual(starts);
  });
});

describe("slidingWindow", () => {
  it("gives a constant network's value everywhere, however windows overlap", () => {
    const shape: Triple = [7, 10, 9];
    const image = new Float32Array(voxelCount(shape)).fill(1);
    const mean = values(image, shape, constantNetwork(0.3), [4, 4, 4], [3, 1, 2]);
    expect(mean.shape).toEqual([1, 7, 10, 9]);
    for (const value of mean.toFloat32Array()) expect(value).toBeCloseTo(0.3, 6);
  });

  it("puts every window back where it came from", () => {
    const shape: Triple = [5, 6, 7];
    const image = counting(shape);
    expect(values(image, shape, identity, [3, 4, 2], [2, 3, 2]).toFloat32Array()).toEqual(image);
  });

  it("leaves windows outside a region out, and says background there", () => {
    const shape: Triple = [1, 1, 8];
    let looks = 0;
    const twoValues: WindowFunction = (patch) => {
      looks++;
      return full([1, 2, ...patch.shape.slice(2)], 0.5);
    };
    const run = (inside: number[]) => {
      const region = { region: Uint8Array.from(inside), skipOutside: [0] };
      const options = {
        patchSize: [1, 1, 2] as Triple,
        stride: [1, 1, 2] as Triple,
        device: "cpu",
        ...region,
      };
      return [...slidingWindow(new Float32Array(8), shape, twoValues, options).toFloat32Array()];
    };
    const half = 0.5;
    expect(run([0, 0, 0, 1, 0, 0, 0, 0])).toEqual([
      1,
      1,
      half,
      half,
      1,
      1,
      1,
      1,
      0,
      0,
      half,
      half,
      0,
      0,
      0,
      0,
    ]);
    expect(looks).toBe(1);
    run([1, 0, 0, 0, 0, 0, 1, 0]);
    expect(looks).toBe(3);
  });

  it("refuses an image of another length than its shape, and a window that does not fit", () => {
    const options = { patchSize: [2, 2, 2], stride: [1, 1, 1], device: "cpu" } as const;
    expect(() => slidingWindow(new Float32Array(7), [2, 2, 2], (x) => x, options)).toThrow(
      "an image of 7 values is no [C, 2, 2, 2]",
    );
    expect(() => windowStarts(3, 4, 4)).toThrow("a window of 4 voxels does not fit into 3");
  });

  it("averages overlapping windows: the n-th window answers n", () => {
    let n = 0;
    const image = new Float32Array(6);
    const mean = values(image, [1, 1, 6], (patch) => full(patch.shape, ++n), [1, 1, 4], [1, 1, 1]);
    // windows [0,4) = 1, [1,5) = 2, [2,6) = 3
    expect([...mean.toFloat32Array()]).toEqual([1, 1.5, 2, 2, 2.5, 3]);
  });

  it("centers a volume smaller than the patch in zeros and crops back", () => {
    const seen: Tensor[] = [];
    scope(() => {
      const image = Float32Array.from([1, 2, 3, 4, 5, 6]); // [1, 2, 3]
      const look: WindowFunction = (patch) => {
        seen.push(patch);
        expect([...patch.toFloat32Array()]).toEqual([
          ...Array(4).fill(0),
          1,
          2,
          3,
          0,
          4,
          5,
          6,
          0,
          ...Array(8).fill(0),
        ]);
        return patch.clone();
      };
      const back = values(image, [1, 2, 3], look, [1, 5, 4], [1, 1, 1]);
      expect(back.toFloat32Array()).toEqual(image);
      expect(seen).toHaveLength(1);
    });
  });

  it("pads an odd lack with the larger half behind", () => {
    const look: WindowFunction = (patch) => {
      expect([...patch.toFloat32Array()]).toEqual([0, 7, 8, 0, 0]);
      return patch.clone();
    };
    expect([
      ...values(Float32Array.of(7, 8), [1, 1, 2], look, [1, 1, 5], [1, 1, 1]).toFloat32Array(),
    ]).toEqual([7, 8]);
  });

  it("gives each window its part of the region, with what pads the image outside", () => {
    const options = { patchSize: [1, 1, 3], stride: [1, 1, 1], device: "cpu" } as const;
    const regionsOf = (shape: Triple, region: Uint8Array | null) => {
      const seen: (number[] | null)[] = [];
      const look: WindowFunction = (patch, _, inside) => {
        seen.push(inside && [...inside.toFloat32Array()]);
        return patch.clone();
      };
      slidingWindow(new Float32Array(voxelCount(shape)), shape, look, { ...options, region });
      return seen;
    };
    expect(regionsOf([1, 1, 4], Uint8Array.of(0, 1, 1, 0))).toEqual([
      [0, 1, 1],
      [1, 1, 0],
    ]);
    expect(regionsOf([1, 1, 2], Uint8Array.of(1, 1))).toEqual([[1, 1, 0]]);
    expect(regionsOf([1, 1, 3], null)).toEqual([null]);
  });

  it("tells every window", () => {
    const told: string[] = [];
    const options = { patchSize: [2, 2, 2], stride: [2, 2, 1], device: "cpu" } as const;
    slidingWindow(new Float32Array(16), [2, 2, 4], identity, {
      ...options,
      onWindow: (done, total) => told.push(`${done}/${total}`),
    });
    expect(told).toEqual(["1/3", "2/3", "3/3"]);
  });

  it("leaves one tensor behind, its result", () => {
    const before = memoryFigures().tensors;
    const mean = scope(() => values(counting([4, 4, 6]), [4, 4, 6], identity, [4, 4, 4], [1, 1, 1]));
    expect(memoryFigures().tensors - before).toBe(1);
    mean.dispose();
  });

  it("sees each window alone: a network's answer does not depend on the windows before", () => {
    const network = new SegmentationNetwork({
      classes: 2,
      filters: 2,
      rank: 2,
      normalization: "batch",
      dropout: 0.5,
      device: "cpu",
    }).evaluate();
    const run: WindowFunction = (patch) => network.meanLogits(network.embed(patch)).softmax(1);
    const shape: Triple = [16, 16, 32];
    const image = Float32Array.from({ length: voxelCount(shape) }, (_, i) => Math.sin(i * 0.37));
    const both = values(image, shape, run, [16, 16, 16], [16, 16, 16]).toFloat32Array();
    const right = Float32Array.from(
      { length: 16 ** 3 },
      (_, i) => image[Math.floor(i / 16) * 32 + 16 + (i % 16)]!,
    );
    const alone = values(right, [16, 16, 16], run, [16, 16, 16], [16, 16, 16]).toFloat32Array();
    const rightHalf = both.filter((_, i) => i % 32 >= 16);
    expect(rightHalf).toEqual(alone);
  });
});
