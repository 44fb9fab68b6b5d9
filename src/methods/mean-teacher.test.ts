import { beforeEach, describe, expect, it } from "vitest";
import { noGrad } from "../engine/autograd.js";
import { fromArray, zeros } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { keep, scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { MeanTeacher } from "./mean-teacher.js";
import { meanTeacherOptions, SIDE, tinyBatch, tinyPair } from "./tiny-task.testing.js";
import { UaMt } from "./ua-mt.js";

beforeEach(() => seedGenerators(3), 60_000);

/** Gives a network these mean logits whatever it sees: class 1 over class 0 by `odds` at the first voxels, even elsewhere. */
function always(network: MeanTeacher["teacher"], odds: readonly number[]): void {
  network.meanLogits = (z) => {
    const [b] = z.shape as [number];
    const logits = new Float32Array(b * 2 * SIDE ** 3);
    for (let i = 0; i < b; i++)
      for (const [v, o] of odds.entries()) logits[(2 * i + 1) * SIDE ** 3 + v] = Math.log(o);
    return fromArray(logits, [b, 2, SIDE, SIDE, SIDE]);
  };
}
const consistencyOf = (method: MeanTeacher, iteration: number) =>
  method.losses(tinyBatch(), iteration).consistency!;

describe("MeanTeacher", () => {
  it("compares the student's unlabeled patches with the teacher's, all voxels, on its ramp", () => {
    scope(() => {
      const method = new MeanTeacher(...tinyPair(), meanTeacherOptions);
      always(method.network, []);
      always(method.teacher, [3]); // a quarter off in both classes, at one voxel
      const { value, weight } = consistencyOf(method, 5);
      expect(value.item()).toBeCloseTo(0.0625 / SIDE ** 3, 8);
      expect(weight).toBeCloseTo(0.1 * 0.2865, 5);
      expect(consistencyOf(method, 10).weight).toBe(0.1);
      method.dispose();
    });
  });

  it("shows the teacher noise of the given size, clipped at twice itself, and the student none", () => {
    scope(() => {
      const method = new MeanTeacher(...tinyPair(), { ...meanTeacherOptions, noise: 0.5 });
      const batch = tinyBatch();
      const seen = { student: batch.images, teacher: batch.images };
      for (const [name, network] of [
        ["student", method.network],
        ["teacher", method.teacher],
      ] as const) {
        const embed = network.embed.bind(network);
        network.embed = (x: Tensor) => {
          seen[name] = keep(x.clone());
          return embed(x);
        };
      }
      method.losses(batch, 3);
      expect(seen.student.sub(batch.images).square().sum().item()).toBe(0);
      const noise = [...seen.teacher.sub(batch.images.slice(0, 2, 4)).toFloat32Array()];
      expect(Math.max(...noise.map(Math.abs))).toBeCloseTo(1, 5);
      const deviation = Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length);
      expect(deviation).toBeGreaterThan(0.45);
      expect(deviation).toBeLessThan(0.5);
      for (const images of Object.values(seen)) images.dispose();
      method.dispose();
    });
  });

  it("has no consistency without unlabeled patches or with weight 0", () => {
    scope(() => {
      const names = (weight: number, unlabeled: number) => {
        const method = new MeanTeacher(...tinyPair(), { ...meanTeacherOptions, weight });
        const terms = Object.keys(method.losses(tinyBatch(2, 2, unlabeled), 0));
        method.dispose();
        return terms;
      };
      expect(names(0.1, 0)).toEqual(["supervised"]);
      expect(names(0, 2)).toEqual(["supervised"]);
    });
  });
});

describe("UaMt", () => {
  it("counts only voxels under the threshold, which rises from 0.75·ln 2 to ln 2", () => {
    scope(() => {
      const method = new UaMt(...tinyPair(), { ...meanTeacherOptions, passes: 8 });
      always(method.network, []);
      // entropies 0.0970 (odds 50), 0.5118 (3.8), 0.5236 (3.6), 0.6571 (1.73), 0.6653 (1.61), 0.6931 elsewhere;
      // thresholds 0.5199, 0.6617 after 8 of 10 iterations, ln 2
      const odds = [50, 3.8, 3.6, 1.73, 1.61];
      always(method.teacher, odds);
      const squares = odds.map((o) => (o / (1 + o) - 0.5) ** 2);
      const sum = (count: number) => squares.slice(0, count).reduce((a, b) => a + b);
      expect(consistencyOf(method, 0).value.item()).toBeCloseTo(sum(2) / 2, 5);
      expect(consistencyOf(method, 8).value.item()).toBeCloseTo(sum(4) / 4, 5);
      // the entropy of even odds stays just below ln 2
      expect(consistencyOf(method, 10).value.item()).toBeCloseTo(sum(5) / SIDE ** 3, 8);
      method.dispose();
    });
  });

  it("makes as many passes for the entropy as asked, beside the one that is compared", () => {
    scope(() => {
      const method = new UaMt(...tinyPair(), { ...meanTeacherOptions, passes: 3 });
      let passes = 0;
      method.teacher.meanLogits = () => {
        passes++;
        return zeros([2, 2, SIDE, SIDE, SIDE]);
      };
      noGrad(() => expect(consistencyOf(method, 0).value.item()).toBe(0)); // all in doubt: nothing counts
      expect(passes).toBe(4);
      method.dispose();
    });
  });
});
