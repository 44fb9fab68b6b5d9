import { describe, expect, it } from "vitest";
import { full, zeros } from "../engine/make-tensor.js";
import type { Tensor } from "../engine/tensor.js";
import type { LogitDistribution } from "../models/stochastic-head.js";
import { distributionOf } from "../models/stochastic-head.testing.js";
import { resolveConfig } from "../training/config.js";
import { type Triple, voxelCount } from "../volume/volume.js";
import type { Model } from "./model.js";
import { checkSamples, drawSamples } from "./samples.js";

const SHAPE: Triple = [20, 18, 24];

/** A model whose distribution is the same at every voxel: mean 0, class 1 with this factor and diagonal. */
function modelWith(factor: number, diagonal: number, stride: number): Model {
  const config = resolveConfig({
    method: "aua",
    set: [
      "data.patchSize=[16,16,16]",
      `inference.stride=[${stride},${stride},${stride}]`,
      "model.rank=1",
      "seed=5",
    ],
  });
  const stochastic = {
    embed: (patch: Tensor) => patch,
    distribution: (z: Tensor, region: Tensor | null): LogitDistribution => {
      const [b, , ...grid] = z.shape as [number, number, number, number, number];
      const classOne = (value: number) => {
        const map = zeros([b, 2, ...grid]);
        map.slice(1, 1, 2).copy_(full([b, 1, ...grid], value));
        return map;
      };
      const everywhere = distributionOf(zeros([b, 2, ...grid]), classOne(diagonal), classOne(factor));
      return { ...everywhere, region: region ?? everywhere.region };
    },
  };
  return { config, classNames: ["background", "organ"], stochastic } as unknown as Model;
}

async function samplesOf(
  model: Model,
  samples: number,
  region: Uint8Array | null = null,
): Promise<Uint8Array[]> {
  const taken: Uint8Array[] = [];
  const image = new Float32Array(voxelCount(SHAPE));
  await drawSamples(
    model,
    { image, region, grid: { shape: SHAPE } },
    { precision: "fp32", samples },
    async (labels, index) => {
      expect(index).toBe(taken.length);
      taken.push(labels);
    },
  );
  return taken;
}

describe("drawSamples", () => {
  it("draws one noise behind the factors for the whole volume: windows agree, and a pair lies on both sides", async () => {
    const samples = await samplesOf(modelWith(1000, 2e-5, 8), 6);
    const values = samples.map((labels) => new Set(labels));
    for (const set of values) expect(set.size).toBe(1);
    const first = samples.map((labels) => labels[0]!);
    expect(first.filter((label) => label === 1)).toHaveLength(3);
  });

  it("gives a voxel the same noise in every window that sees it", async () => {
    const apart = await samplesOf(modelWith(0, 1, 16), 2);
    const overlapping = await samplesOf(modelWith(0, 1, 4), 2);
    expect(overlapping).toEqual(apart);
    const ones = apart[0]!.reduce((sum, label) => sum + label, 0) / apart[0]!.length;
    expect(ones).toBeGreaterThan(0.45);
    expect(ones).toBeLessThan(0.55);
  });

  it("has no doubt outside the region, as in training", async () => {
    const region = Uint8Array.from({ length: voxelCount(SHAPE) }, (_, i) => i % 2);
    const samples = await samplesOf(modelWith(1000, 2e-5, 8), 6, region);
    const inside = samples.map((labels) => labels[1]!);
    expect(new Set(inside)).toEqual(new Set([0, 1]));
    const apart = samples.map((labels) =>
      labels.filter((_, i) => i % 2 === 0).reduce((sum, v) => sum + v, 0),
    );
    for (const ones of apart) expect(ones / (region.length / 2)).toBeCloseTo(0.5, 1); // what is left has a deviation of sqrt(1e-5)
  });

  it("gives a scan the same samples every time", async () => {
    const model = modelWith(1, 1, 8);
    expect(await samplesOf(model, 4)).toEqual(await samplesOf(model, 4));
  });
});

it("refuses an odd number, and a model that learned no distribution", () => {
  expect(() => checkSamples(modelWith(1, 1, 8), 3)).toThrow(/--samples is 3: expected an even number/);
  expect(() => checkSamples({ ...modelWith(1, 1, 8), stochastic: null }, 2)).toThrow(
    /learns no distribution to draw from/,
  );
});
