import { PrototypeEstimator } from "../losses/prototype-contrast.js";
import { AuaStage1 } from "../methods/aua-stage1.js";
import { AuaStage2 } from "../methods/aua-stage2.js";
import { MeanTeacher } from "../methods/mean-teacher.js";
import { type Method, part } from "../methods/method.js";
import { PrototypeEstimation } from "../methods/prototype-estimation.js";
import { Ssn } from "../methods/ssn.js";
import { Supervised } from "../methods/supervised.js";
import { UaMt } from "../methods/ua-mt.js";
import { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import type { Config } from "./config.js";
import type { MethodName } from "./method-catalog.js";
import { scaledSchedule } from "./schedule.js";

/** A part of a run: so many iterations of one method, which starts from the final state of the part before. */
export interface Stage {
  readonly name: string;
  readonly iterations: number;
  /** Iterations after which the learning rate falls, again and again. */
  readonly decayEvery: number;
  /** Labeled and unlabeled patches of each batch. */
  readonly batch: { readonly labeled: number; readonly unlabeled: number };
  create(previous: StateDict): Method;
}

type Plan = (config: Config) => Stage[];

export const newNetwork = (config: Config): SegmentationNetwork =>
  new SegmentationNetwork({ ...config.model, device: config.device });

/** A student, and a teacher that starts as its copy. */
function newPair(config: Config): [student: SegmentationNetwork, teacher: SegmentationNetwork] {
  const student = newNetwork(config);
  return [student, newNetwork(config).loadState(student.stateDict())];
}

const mixedBatch = ({ data }: Config): Stage["batch"] => ({
  labeled: data.labeledPerBatch,
  unlabeled: data.unlabeledPerBatch,
});

/** As many labeled patches as the other methods' batches have patches. */
const labeledBatch = ({ data }: Config): Stage["batch"] => ({
  labeled: data.labeledPerBatch + data.unlabeledPerBatch,
  unlabeled: 0,
});

/** A method of one stage, which is named like it. */
const oneStage =
  (batch: (config: Config) => Stage["batch"], create: (config: Config) => Method): Plan =>
  (config) => [
    {
      name: config.method,
      ...config.supervised,
      batch: batch(config),
      create: () => create(config),
    },
  ];

/** Stage 1 of AUA. */
function auaStage1(config: Config): Stage {
  return {
    name: "stage1",
    iterations: config.stage1.iterations,
    decayEvery: config.optimizer.decayEvery,
    batch: mixedBatch(config),
    create: () => new AuaStage1(...newPair(config), config.stage1),
  };
}

const withoutContrast = (config: Config): Config => ({
  ...config,
  stage1: { ...config.stage1, contrast: { ...config.stage1.contrast, weight: 0 } },
});

function auaPrototypes(config: Config): Stage {
  return {
    name: "prototypes",
    iterations: config.prototypes.iterations,
    decayEvery: config.optimizer.decayEvery,
    batch: { labeled: config.data.labeledPerBatch, unlabeled: 0 },
    create: (previous) => new PrototypeEstimation(newNetwork(config).loadState(part(previous, "network"))),
  };
}

/** Stage 2 of AUA; it goes on with the prototypes of the stage before, or has none to contrast with. */
function auaStage2(config: Config): Stage {
  const { stage2, model, device } = config;
  return {
    name: "stage2",
    iterations: stage2.iterations,
    decayEvery: config.optimizer.decayEvery,
    batch: mixedBatch(config),
    create: (previous) => {
      const labeler = newNetwork(config).loadState(part(previous, "network"));
      const estimator = new PrototypeEstimator(model.classes, model.filters, device);
      const gathered = part(previous, "prototypes");
      if (gathered.size > 0) estimator.loadState(gathered);
      return new AuaStage2(newNetwork(config), labeler, estimator, stage2);
    },
  };
}

const withoutPrototypes = (config: Config): Config => ({
  ...config,
  stage2: { ...config.stage2, prototypeWeight: 0 },
});

const plans: Record<MethodName, Plan> = {
  supervised: oneStage(labeledBatch, (config) => new Supervised(newNetwork(config))),
  ssn: oneStage(labeledBatch, (config) => new Ssn(newNetwork(config), config.ssn)),
  "mean-teacher": oneStage(mixedBatch, (config) => new MeanTeacher(...newPair(config), config.meanTeacher)),
  "ua-mt": oneStage(
    mixedBatch,
    (config) => new UaMt(...newPair(config), { ...config.meanTeacher, ...config.uaMt }),
  ),
  "aua-consistency": (config) => [auaStage1(withoutContrast(config))],
  "aua-contrast": (config) => [auaStage1(config)],
  "aua-pseudo": (config) => [auaStage1(config), auaStage2(withoutPrototypes(config))],
  aua: (config) => [auaStage1(config), auaPrototypes(config), auaStage2(config)],
};

/** The stages of a run, in order, their iterations scaled as the configuration says. */
export const stagesOf = (config: Config): Stage[] => plans[config.method](scaledSchedule(config));
