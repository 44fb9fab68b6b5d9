import { AuaStage1 } from "../methods/aua-stage1.js";
import { AuaStage2 } from "../methods/aua-stage2.js";
import { Bcp } from "../methods/bcp.js";
import { BcpPretraining } from "../methods/bcp-pretraining.js";
import { DenseCl } from "../methods/densecl.js";
import { loadEstimators, newEstimators } from "../methods/estimators.js";
import { McNet } from "../methods/mc-net.js";
import { MeanTeacher } from "../methods/mean-teacher.js";
import { type Method, part } from "../methods/method.js";
import { PrototypeEstimation } from "../methods/prototype-estimation.js";
import { Ssn } from "../methods/ssn.js";
import { Supervised } from "../methods/supervised.js";
import { UaMt } from "../methods/ua-mt.js";
import { AuxiliaryDecoder } from "../models/decoder.js";
import { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import type { Config } from "./config.js";
import { startFrom } from "./initial-weights.js";
import type { MethodName } from "./method-catalog.js";
import { scaledSchedule } from "./schedule.js";

/** A part of a run: so many iterations of one method, which starts from the final state of the part before. */
export interface Stage {
  readonly name: string;
  readonly iterations: number;
  /** Time of an iteration, about, over that of the run's main stages; for what is said of the time left. Left out: 1. */
  readonly pace?: number;
  /** Iterations after which the learning rate falls, again and again. */
  readonly decayEvery: number;
  /** Labeled and unlabeled patches of each batch. */
  readonly batch: { readonly labeled: number; readonly unlabeled: number };
  create(previous: StateDict): Method;
}

/** Makes a new network, which starts from the run's initial weights where it has some. */
type Make = () => SegmentationNetwork;
type Plan = (config: Config, make: Make) => Stage[];

function networkOptions({ method, model, device, memory }: Config) {
  const levels = memory.recomputeLevels ?? 0;
  // decoders that share an encoder may meet in it only where its levels end
  const recomputeLevels = method === "mc-net" && levels > 0 ? 5 : levels;
  const inChannels = model.inputChannels * (2 * model.neighbours + 1); // in 2.5-D one for each slice
  return { ...model, inChannels, device, recomputeLevels };
}

export const newNetwork = (config: Config): SegmentationNetwork =>
  new SegmentationNetwork(networkOptions(config));

/** A student, and a teacher that starts as its copy. */
function newPair(make: Make): [student: SegmentationNetwork, teacher: SegmentationNetwork] {
  const student = make();
  return [student, make().loadState(student.stateDict())];
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
  (batch: (config: Config) => Stage["batch"], create: (config: Config, make: Make) => Method): Plan =>
  (config, make) => [
    {
      name: config.method,
      ...config.supervised,
      batch: batch(config),
      create: () => create(config, make),
    },
  ];

/** Stage 1 of AUA. */
function auaStage1(config: Config, make: Make): Stage {
  return {
    name: "stage1",
    iterations: config.stage1.iterations,
    decayEvery: config.optimizer.decayEvery,
    batch: mixedBatch(config),
    create: () => new AuaStage1(...newPair(make), config.stage1),
  };
}

const withoutContrast = (config: Config): Config => ({
  ...config,
  stage1: { ...config.stage1, contrast: { ...config.stage1.contrast, weight: 0 } },
});

function auaPrototypes(config: Config, make: Make): Stage {
  return {
    name: "prototypes",
    iterations: config.prototypes.iterations,
    pace: 0.1, // labeled patches forwards, without gradients
    decayEvery: config.optimizer.decayEvery,
    batch: { labeled: config.data.labeledPerBatch, unlabeled: 0 },
    create: (previous) =>
      new PrototypeEstimation(make().loadState(part(previous, "network")), config.stage2.prototypeSpace),
  };
}

/** Stage 2 of AUA; it goes on with the prototypes of the stage before, or has none to contrast with. */
function auaStage2(config: Config, make: Make): Stage {
  const { stage2 } = config;
  return {
    name: "stage2",
    iterations: stage2.iterations,
    decayEvery: config.optimizer.decayEvery,
    batch: mixedBatch(config),
    create: (previous) => {
      const labeler = make().loadState(part(previous, "network"));
      const estimators = newEstimators(labeler.options, stage2.prototypeSpace);
      loadEstimators(estimators, previous);
      return new AuaStage2(make(), labeler, estimators, stage2);
    },
  };
}

const withoutPrototypes = (config: Config): Config => ({
  ...config,
  stage2: { ...config.stage2, prototypeWeight: 0 },
});

/** Copy-paste among labeled patches, then with unlabeled ones; both networks start as the first stage's. */
function bcpStages(config: Config, make: Make): Stage[] {
  const { pretraining } = config.bcp;
  const { iterations, decayEvery } = config.supervised;
  return [
    {
      name: "pretraining",
      iterations: pretraining,
      pace: 0.7, // without the teacher
      decayEvery,
      batch: labeledBatch(config),
      create: () => new BcpPretraining(make(), config.bcp),
    },
    {
      name: "bcp",
      iterations: iterations - pretraining,
      decayEvery,
      batch: mixedBatch(config),
      create: (previous) => {
        const [student, teacher] = newPair(make);
        for (const network of [student, teacher]) network.loadState(part(previous, "network"));
        return new Bcp(student, teacher, config.bcp);
      },
    },
  ];
}

function newMcNet(config: Config, make: Make): McNet {
  const options = networkOptions(config);
  const network = make();
  const upsamplings = ["trilinear", "nearest"] as const;
  const decoders = upsamplings.map((kind) => new AuxiliaryDecoder(kind, options.classes, options));
  return new McNet(network, decoders, config.mcNet);
}

/** All training images without their labels, as many patches a batch as elsewhere. */
function denseClStages(config: Config, make: Make): Stage[] {
  const { labeled } = labeledBatch(config);
  return [
    {
      name: "densecl",
      iterations: config.densecl.iterations,
      decayEvery: config.optimizer.decayEvery,
      batch: { labeled: 0, unlabeled: labeled },
      create: () => new DenseCl(...newPair(make), config.densecl),
    },
  ];
}

/** AUA with a prototype contrast whose temperature lets it tell classes apart. */
const withSharpPrototypes = (config: Config): Config => ({
  ...config,
  stage2: { ...config.stage2, ...config.auaSharp },
});

const plans: Record<MethodName, Plan> = {
  supervised: oneStage(labeledBatch, (_, make) => new Supervised(make())),
  ssn: oneStage(labeledBatch, ({ ssn }, make) => new Ssn(make(), ssn)),
  "mean-teacher": oneStage(
    mixedBatch,
    ({ meanTeacher }, make) => new MeanTeacher(...newPair(make), meanTeacher),
  ),
  "ua-mt": oneStage(
    mixedBatch,
    ({ meanTeacher, uaMt }, make) => new UaMt(...newPair(make), { ...meanTeacher, ...uaMt }),
  ),
  "aua-consistency": (config, make) => [auaStage1(withoutContrast(config), make)],
  "aua-contrast": (config, make) => [auaStage1(config, make)],
  "aua-pseudo": (config, make) => [auaStage1(config, make), auaStage2(withoutPrototypes(config), make)],
  aua: (config, make) => [auaStage1(config, make), auaPrototypes(config, make), auaStage2(config, make)],
  "aua-sharp": (config, make) => plans.aua(withSharpPrototypes(config), make),
  "mc-net": oneStage(mixedBatch, newMcNet),
  bcp: bcpStages,
  densecl: denseClStages,
};

/**
 * The stages of a run, in order, their iterations scaled as the configuration says.
 * @param initial weights that every new network starts from, as far as they go
 */
export function stagesOf(given: Config, initial: StateDict = new Map()): Stage[] {
  const config = scaledSchedule(given);
  return plans[config.method](config, () => startFrom(newNetwork(config), initial));
}
