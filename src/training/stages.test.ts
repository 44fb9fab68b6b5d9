import { describe, expect, it } from "vitest";
import { full } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { AuaStage1 } from "../methods/aua-stage1.js";
import { AuaStage2 } from "../methods/aua-stage2.js";
import { part } from "../methods/method.js";
import { PrototypeEstimation } from "../methods/prototype-estimation.js";
import { Supervised } from "../methods/supervised.js";
import { fingerprint } from "../methods/tiny-task.testing.js";
import type { UaMt } from "../methods/ua-mt.js";
import { resolveConfig } from "./config.js";
import { METHOD_NAMES, methodEntry } from "./method-catalog.js";
import { BASE_CONFIG } from "./presets.js";
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
      prototypes.estimators.get("features")!.count.fill_(3);

      const stage2 = third(prototypes.state()) as AuaStage2;
      expect(stage2).toBeInstanceOf(AuaStage2);
      expect(fingerprint(stage2.labeler.stateDict())).toEqual(student);
      expect(fingerprint(stage2.network.stateDict())).not.toEqual(student);
      expect([...stage2.estimators.get("features")!.count.toFloat32Array()]).toEqual([3, 3]);
      expect([stage2.labeler.training, stage2.network.training]).toEqual([false, true]);
    });
  });
});

describe("every method", () => {
  it.each(METHOD_NAMES)("%s has stages that make one another, and ends with a network", (method) => {
    scope(() => {
      let previous = new Map<string, Tensor>();
      const stages = stagesOf(config(`method=${method}`, "supervised.iterations=3", "bcp.pretraining=1"));
      for (const { create, iterations, batch } of stages) {
        expect(iterations).toBeGreaterThan(0);
        expect(batch.labeled > 0).toBe(methodEntry(method).labels);
        const made = create(previous);
        previous = made.state();
        expect(part(previous, "network").size).toBe(made.network.stateDict().size);
      }
      const { sections, stochastic, beginsAs } = methodEntry(method);
      for (const section of sections) expect(Object.keys(BASE_CONFIG)).toContain(section);
      if (stochastic) expect(part(previous, stochastic).size).toBeGreaterThan(0);
      if (beginsAs) {
        const first = stagesOf(config(`method=${beginsAs}`)).map(({ name, batch }) => [name, batch]);
        expect(stages.slice(0, first.length).map(({ name, batch }) => [name, batch])).toEqual(first);
      }
    });
  });

  it("starts from initial weights, as far as they go", () => {
    scope(() => {
      const given = new Map([["block_one.conv.0.weight", full([1, 1, 3, 3, 3], 7)]]);
      const [stage] = stagesOf(config("method=ua-mt"), given);
      const made = stage!.create(new Map()) as UaMt;
      for (const network of [made.network, made.teacher]) {
        const values = network.parameters().get("block_one.conv.0.weight")!.toFloat32Array();
        expect(new Set(values)).toEqual(new Set([7]));
      }
      const otherClasses = new Map([["mean_l.weight", full([5, 1, 1, 1, 1], 7)]]);
      expect(() => stagesOf(config(), otherClasses)[0]!.create(new Map())).not.toThrow();
    });
  });
});
