import { PrototypeEstimator } from "../losses/prototype-contrast.js";
import { AuaStage1 } from "../methods/aua-stage1.js";
import { AuaStage2 } from "../methods/aua-stage2.js";
import { type Method, part } from "../methods/method.js";
import { PrototypeEstimation } from "../methods/prototype-estimation.js";
import { Supervised } from "../methods/supervised.js";
import { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import type { Config } from "./config.js";

/** A part of a run: so many iterations of one method, which starts from the final state of the part before. */
export interface Stage {
  readonly name: string;
  readonly iterations: number;
  /** Labeled and unlabeled patches of each batch. */
  readonly batch: { readonly labeled: number; readonly unlabeled: number };
  create(previous: StateDict): Method;
}

export const newNetwork = (config: Config): SegmentationNetwork =>
  new SegmentationNetwork({ ...config.model, device: config.device });

function auaStages(config: Config): Stage[] {
  const { labeledPerBatch: labeled, unlabeledPerBatch: unlabeled } = config.data;
  const { stage1, prototypes, stage2 } = config;
  return [
    {
      name: "stage1",
      iterations: stage1.iterations,
      batch: { labeled, unlabeled },
      create: () => {
        const student = newNetwork(config);
        const teacher = newNetwork(config).loadState(student.stateDict());
        return new AuaStage1(student, teacher, stage1);
      },
    },
    {
      name: "prototypes",
      iterations: prototypes.iterations,
      batch: { labeled, unlabeled: 0 },
      create: (previous) => new PrototypeEstimation(newNetwork(config).loadState(part(previous, "network"))),
    },
    {
      name: "stage2",
      iterations: stage2.iterations,
      batch: { labeled, unlabeled },
      create: (previous) => {
        const labeler = newNetwork(config).loadState(part(previous, "network"));
        const estimator = new PrototypeEstimator(config.model.classes, config.model.filters, config.device);
        estimator.loadState(part(previous, "prototypes"));
        return new AuaStage2(newNetwork(config), labeler, estimator, stage2);
      },
    },
  ];
}

/** The baseline sees as many labeled patches in each batch as AUA sees patches. */
function supervisedStages(config: Config): Stage[] {
  const labeled = config.data.labeledPerBatch + config.data.unlabeledPerBatch;
  return [
    {
      name: "supervised",
      iterations: config.supervised.iterations,
      batch: { labeled, unlabeled: 0 },
      create: () => new Supervised(newNetwork(config)),
    },
  ];
}

const plans: Record<Config["method"], (config: Config) => Stage[]> = {
  aua: auaStages,
  supervised: supervisedStages,
};

/** The stages of a run, in order. */
export const stagesOf = (config: Config): Stage[] => plans[config.method](config);
