import { describe, expect, it } from "vitest";
import { scope } from "../engine/scope.js";
import { AuaStage1 } from "../methods/aua-stage1.js";
import { AuaStage2 } from "../methods/aua-stage2.js";
import { PrototypeEstimation } from "../methods/prototype-estimation.js";
import { Supervised } from "../methods/supervised.js";
import { fingerprint } from "../methods/tiny-task.testing.js";
import { resolveConfig } from "./config.js";
import { stagesOf } from "./stages.js";

const config = (...set: string[]) => resolveConfig({ set: ["model.filters=1", "model.rank=2", ...set] });

describe("stages", () => {
  it("of AUA are three, the middle one without unlabeled patches", () => {
    const stages = stagesOf(config("data.labeledPerBatch=1", "data.unlabeledPerBatch=3"));
    expect(stages.map(({ name, batch }) => [name, batch.labeled, batch.unlabeled])).toEqual([
      ["stage1", 1, 3],
      ["prototypes", 1, 0],
      ["stage2", 1, 3],
    ]);
  });

  it("of the baseline is one, with as many labeled patches as AUA sees patches", () => {
    const [stage, ...others] = stagesOf(config("method=supervised"));
    expect([stage!.batch, others]).toEqual([{ labeled: 4, unlabeled: 0 }, []]);
    expect(stage!.create(new Map())).toBeInstanceOf(Supervised);
  });

  it("hand on: teacher from student, labeler and prototypes from the stage before, a new network last", () => {
    scope(() => {
      const [first, second, third] = stagesOf(config()).map((stage) => stage.create) as [
        ReturnType<typeof stagesOf>[0]["create"],
        ReturnType<typeof stagesOf>[0]["create"],
        ReturnType<typeof stagesOf>[0]["create"],
      ];
      const stage1 = first(new Map()) as AuaStage1;
      expect(stage1).toBeInstanceOf(AuaStage1);
      const student = fingerprint(stage1.network.stateDict());
      expect(fingerprint(stage1.teacher.stateDict())).toEqual(student);

      const prototypes = second(stage1.state()) as PrototypeEstimation;
      expect(prototypes).toBeInstanceOf(PrototypeEstimation);
      expect(fingerprint(prototypes.network.stateDict())).toEqual(student);
      prototypes.estimator.count.fill_(3);

      const stage2 = third(prototypes.state()) as AuaStage2;
      expect(stage2).toBeInstanceOf(AuaStage2);
      expect(fingerprint(stage2.labeler.stateDict())).toEqual(student);
      expect(fingerprint(stage2.network.stateDict())).not.toEqual(student);
      expect([...stage2.estimator.count.toFloat32Array()]).toEqual([3, 3]);
      expect([stage2.labeler.training, stage2.network.training]).toEqual([false, true]);
    });
  });
});
