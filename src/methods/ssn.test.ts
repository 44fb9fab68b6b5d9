import { expect, it } from "vitest";
import { fromArray } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import { Ssn } from "./ssn.js";
import { SIDE, tinyBatch, tinyNetwork } from "./tiny-task.testing.js";

it("is the likelihood of the labeled patches' labels under the predicted distribution, with weight 1", () => {
  scope(() => {
    const method = new Ssn(tinyNetwork(), { samples: 4 });
    const batch = tinyBatch(2, 2, 1);
    const voxels = SIDE ** 3;
    method.network.distribution = (z) => {
      const images = z.shape[0]!;
      // rank 1: mean log 3 for class 1, diagonal as small as it gets, no factor
      const outputs = new Float32Array(images * 6 * voxels);
      for (let i = 0; i < images; i++) {
        const at = (channel: number) => (6 * i + channel) * voxels;
        outputs.fill(Math.log(3), at(1), at(2));
        outputs.fill(-30, at(2), at(4));
      }
      const region = new Float32Array(images * voxels).fill(1);
      return {
        outputs: fromArray(outputs, [images, 6, SIDE, SIDE, SIDE]),
        region: fromArray(region, [images, 1, SIDE, SIDE, SIDE]),
        classes: 2,
      };
    };
    const labels = [...batch.labels.toUint8Array()];
    const share = labels.filter((label) => label === 1).length / labels.length;
    const crossEntropy = share * Math.log(4 / 3) + (1 - share) * Math.log(4);
    const { likelihood } = method.losses(batch);
    expect(likelihood!.weight).toBe(1);
    expect(likelihood!.value.item()).toBeCloseTo(crossEntropy, 2);
    method.dispose();
  });
});
