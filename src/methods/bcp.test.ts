import { beforeEach, describe, expect, it } from "vitest";
import { fromArray } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { keep, scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { Bcp, type BcpOptions } from "./bcp.js";
import { BcpPretraining } from "./bcp-pretraining.js";
import type { PatchBatch } from "./method.js";
import { bcpOptions, SIDE, tinyBatch, tinyNetwork, tinyPair } from "./tiny-task.testing.js";

const VOXELS = SIDE ** 3;
const BOX = 10 ** 3; // floor(16·2/3) along each axis
beforeEach(() => seedGenerators(3), 60_000);

/** A batch in which every voxel of patch i is i. */
function numbered(labeled: number, unlabeled: number): PatchBatch {
  const count = labeled + unlabeled;
  const images = Float32Array.from({ length: count * VOXELS }, (_, i) => Math.floor(i / VOXELS));
  return { ...tinyBatch(2, labeled, unlabeled), images: fromArray(images, [count, 1, SIDE, SIDE, SIDE]) };
}

/** What the network is shown: for each image, which patches it is made of and how many voxels of each. */
function shown(method: Bcp | BcpPretraining, batch: PatchBatch, iteration = 0): Map<number, number>[] {
  let seen: Tensor | undefined;
  const { network } = method;
  const embed = network.embed.bind(network);
  network.embed = (x) => {
    seen = keep(x.clone());
    return embed(x);
  };
  method.losses(batch, iteration);
  const values = [...seen!.toFloat32Array()];
  seen!.dispose();
  return Array.from({ length: values.length / VOXELS }, (_, image) => {
    const counts = new Map<number, number>();
    for (const v of values.slice(image * VOXELS, (image + 1) * VOXELS))
      counts.set(v, (counts.get(v) ?? 0) + 1);
    return counts;
  });
}
const made = (outer: number, inner: number) =>
  new Map([[outer, VOXELS - BOX] as const, [inner, BOX] as const].sort());
const sorted = (images: Map<number, number>[]) => images.map((counts) => new Map([...counts].sort()));

describe("Bcp", () => {
  const withMethod = <T>(options: Partial<BcpOptions>, body: (method: Bcp) => T): T =>
    scope(() => {
      const method = new Bcp(...tinyPair(), { ...bcpOptions, ...options });
      const result = body(method);
      method.dispose();
      return result;
    });

  it("pastes boxes of unlabeled patches into labeled ones and the other way round", () => {
    // patches 0 and 1 have labels, 2 and 3 have none: 2 into 0, 1 into 3
    const images = withMethod({}, (method) => shown(method, numbered(2, 2)));
    expect(sorted(images)).toEqual([made(0, 2), made(3, 1)]);
  });

  it("uses every patch of the more numerous kind, and takes turns where their number is odd", () => {
    const at = (iteration: number) =>
      sorted(withMethod({}, (method) => shown(method, numbered(1, 3), iteration)));
    expect(at(0)).toEqual([made(0, 1), made(0, 3), made(2, 0)]);
    expect(at(1)).toEqual([made(0, 2), made(1, 0), made(3, 0)]);
    const one = (iteration: number) =>
      withMethod({}, (method) => Object.keys(method.losses(tinyBatch(2, 1, 1), iteration)));
    expect([one(0), one(1)]).toEqual([["inward"], ["outward"]]);
  });

  it.each(["inward", "outward"] as const)(
    "gives voxels with pseudo labels the smaller weight, and takes them from the teacher's classes: %s",
    (term) => {
      const value = (unlabeledWeight: number, teacherSays: 0 | 1) =>
        withMethod({ unlabeledWeight }, (method) => {
          seedGenerators(1);
          const logits = new Float32Array(2 * 2 * VOXELS);
          for (let i = 0; i < 2; i++)
            logits.fill(1, (2 * i + teacherSays) * VOXELS, (2 * i + teacherSays + 1) * VOXELS);
          method.teacher.meanLogits = () => fromArray(logits, [2, 2, SIDE, SIDE, SIDE]);
          method.network.meanLogits = (z) => fromArray(logits, [z.shape[0]!, 2, SIDE, SIDE, SIDE]);
          return method.losses(tinyBatch(), 0)[term]!.value.item();
        });
      // a student that says what the teacher says has the odds e of being right: Dice near 0 where the class is there
      const [none, half, full] = [0, 0.5, 1].map((weight) => value(weight, 1));
      expect(half! - none!).toBeCloseTo((full! - none!) / 2, 5);
      const crossEntropy = Math.log(1 + Math.exp(-1));
      const p = 1 / (1 + Math.exp(-1));
      const dice = 1 - (2 * p) / (p * p + 1);
      expect(full! - none!).toBeCloseTo((crossEntropy + dice) / 2, 4);
    },
  );

  it("keeps the largest component of the pseudo labels when asked", () => {
    const pseudo = (largestComponent: boolean) =>
      withMethod({ largestComponent, unlabeledWeight: 1, box: 0.99 }, (method) => {
        seedGenerators(1);
        const logits = new Float32Array(2 * 2 * VOXELS).fill(0);
        for (const patch of [0, 1]) {
          const class1 = (2 * patch + 1) * VOXELS;
          logits.fill(1, class1, class1 + 5 * SIDE ** 2); // five planes
          logits.fill(1, class1 + 10 * SIDE ** 2, class1 + 11 * SIDE ** 2); // and one apart
        }
        const says = fromArray(logits, [2, 2, SIDE, SIDE, SIDE]);
        method.teacher.meanLogits = () => says;
        method.network.meanLogits = (z) => says.slice(0, 0, z.shape[0]!);
        return method.losses(tinyBatch(), 0).inward!.value.item();
      });
    expect(pseudo(true)).toBeGreaterThan(pseudo(false)); // the student still says the plane apart
  });
});

describe("BcpPretraining", () => {
  it("pastes among labeled patches, each once", () => {
    scope(() => {
      const method = new BcpPretraining(tinyNetwork(), bcpOptions);
      expect(sorted(shown(method, numbered(4, 0)))).toEqual([made(0, 2), made(1, 3)]);
      expect(sorted(shown(method, numbered(3, 0)))).toEqual([made(0, 2), made(1, 0)]);
      method.dispose();
    });
  });
});
