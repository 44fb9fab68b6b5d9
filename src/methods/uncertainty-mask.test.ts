import { describe, expect, it } from "vitest";
import { fromArray, zeros } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { keep, scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { SegmentationNetwork } from "../models/segmentation-network.js";
import { SIDE, tinyBatch, tinyNetwork } from "./tiny-task.testing.js";
import { confidentVoxels } from "./uncertainty-mask.js";

const noNoise = { teacherNoise: (images: Tensor) => zeros(images.shape) };

describe("confidentVoxels", () => {
  it("of three classes keeps those whose entropy is under 0.7517·ln 3 = 0.8258 at first, under ln 3 at last", () => {
    scope(() => {
      const teacher = tinyNetwork(3);
      // entropies 0.8018 and 0.8979
      const odds = [0.7, 0.6, 0.2, 0.3, 0.1, 0.1].map(Math.log);
      teacher.embed = (images) => images;
      teacher.meanLogits = () => fromArray(Float32Array.from(odds), [1, 3, 1, 1, 2]);
      const keptAt = (iteration: number) => [
        ...confidentVoxels(teacher, zeros([1, 1, 1, 1, 2]), noNoise, {
          iteration,
          length: 10,
        }).toFloat32Array(),
      ];
      expect(keptAt(0)).toEqual([1, 0]);
      expect(keptAt(10)).toEqual([1, 1]);
    });
  });

  it("draws other dropout in every pass", () => {
    scope(() => {
      seedGenerators(3);
      const options = {
        filters: 2,
        rank: 2,
        normalization: "none",
        dropout: 0.5,
        device: "cpu",
        classes: 2,
      } as const;
      const teacher = new SegmentationNetwork(options);
      const seen: Tensor[] = [];
      const meanLogits = teacher.meanLogits.bind(teacher);
      teacher.meanLogits = (z) => {
        const logits = meanLogits(z);
        seen.push(keep(logits.clone()));
        return logits;
      };
      confidentVoxels(teacher, tinyBatch().images, noNoise, { iteration: 0, length: 10, passes: 2 });
      const [first, second] = seen as [Tensor, Tensor];
      expect(first.shape.slice(2)).toEqual([SIDE, SIDE, SIDE]);
      expect(first.sub(second).square().sum().item()).toBeGreaterThan(0);
      for (const tensor of seen) tensor.dispose();
    });
  });
});
