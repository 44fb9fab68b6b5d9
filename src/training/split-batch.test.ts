import { expect, it } from "vitest";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { tinyBatch } from "../methods/tiny-task.testing.js";
import { splitBatch } from "./split-batch.js";

const sums = (x: Tensor) => [...x.sum([1, 2, 3, 4]).toFloat32Array()];

it("gives each part its share of the labeled and of the unlabeled patches, labeled first", () => {
  scope(() => {
    const batch = tinyBatch(2, 2, 4);
    const whole = sums(batch.images);
    const parts = splitBatch(batch, 2);
    expect(parts.map(({ labeled }) => labeled)).toEqual([1, 1]);
    expect(parts.map(({ images }) => sums(images))).toEqual([
      [whole[0], whole[2], whole[3]],
      [whole[1], whole[4], whole[5]],
    ]);
    expect(parts.map(({ region }) => region.shape)).toEqual([
      [3, 1, 16, 16, 16],
      [3, 1, 16, 16, 16],
    ]);
    expect(parts.map(({ hostLabels }) => hostLabels[0])).toEqual([...batch.hostLabels]);
    expect(parts[1]!.labels.toBigInt64Array()).toEqual(batch.labels.slice(0, 1, 2).toBigInt64Array());
    expect(() => splitBatch(batch, 3)).toThrow("2 labeled and 4 unlabeled patches do not split into 3 parts");
    expect(splitBatch(batch, 1)[0]).toBe(batch);
  });
});
