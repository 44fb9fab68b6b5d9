import { createHash } from "node:crypto";
import { wave } from "../engine/finite-differences.testing.js";
import { fromArray } from "../engine/make-tensor.js";
import { AuxiliaryDecoder } from "../models/decoder.js";
import { SegmentationNetwork } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { AuaStage1, type AuaStage1Options } from "./aua-stage1.js";
import { AuaStage2, type AuaStage2Options } from "./aua-stage2.js";
import { Bcp } from "./bcp.js";
import { BcpPretraining } from "./bcp-pretraining.js";
import { DenseCl, type DenseClOptions } from "./densecl.js";
import { newEstimators } from "./estimators.js";
import { McNet } from "./mc-net.js";
import { MeanTeacher } from "./mean-teacher.js";
import type { Method, PatchBatch } from "./method.js";
import { PrototypeEstimation } from "./prototype-estimation.js";
import type { PrototypeSpaces } from "./prototype-space.js";
import { Ssn } from "./ssn.js";
import { Supervised } from "./supervised.js";
import type { TeacherMethod } from "./teacher-method.js";
import { UaMt } from "./ua-mt.js";

/** The smallest task with everything in it: 16³ patches, boxes of each class, a two-filter network. */
export const SIDE = 16;
const VOXELS = SIDE ** 3;

const tinyOptions = { filters: 2, rank: 2, normalization: "batch", dropout: 0, device: "cpu" } as const;

export const tinyNetwork = (classes = 2, filters = 2): SegmentationNetwork =>
  new SegmentationNetwork({ ...tinyOptions, classes, filters });

/** Class c is a box from 3 + 4c along each axis, somewhere else in each patch. */
function boxes(classes: number, patch: number): Uint8Array {
  return Uint8Array.from({ length: VOXELS }, (_, i) => {
    const [z, y, x] = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE];
    const inside = y >= 2 + patch && y < 10 + patch && z >= 4 && z < 12;
    const c = 1 + Math.floor((x - 3) / (10 / (classes - 1)));
    return inside && x >= 3 && x < 13 ? c : 0;
  });
}

/** Patches whose intensity is their class plus noise; the last plane is outside the region unless `region` says. */
export function tinyBatch(classes = 2, labeled = 2, unlabeled = 2, region?: number): PatchBatch {
  const count = labeled + unlabeled;
  const shape = [count, 1, SIDE, SIDE, SIDE];
  const maps = Array.from({ length: count }, (_, patch) => boxes(classes, patch));
  const noise = wave(count * VOXELS);
  const images = Float32Array.from(noise, (v, i) => maps[Math.floor(i / VOXELS)]![i % VOXELS]! + 0.2 * v);
  const inside = Float32Array.from(noise, (_, i) => region ?? (i % VOXELS < SIDE ** 2 ? 0 : 1));
  const hostLabels = maps.slice(0, labeled);
  const labels = BigInt64Array.from(
    hostLabels.flatMap((map) => [...map]),
    BigInt,
  );
  return {
    images: fromArray(images, shape),
    region: fromArray(inside, shape),
    labeled,
    labels: fromArray(labels, [labeled, SIDE, SIDE, SIDE]),
    hostLabels,
  };
}

export const stage1Options: AuaStage1Options = {
  samples: 4,
  consistency: { weight: 0.5, distance: "class-dice", rampUp: 10 },
  emaDecay: 0.99,
  teacherNoise: 0.1,
  contrast: { weight: 0.1, temperature: 0.2, anchors: 200, features: "per-voxel" },
  uncertaintyMask: false,
};
export const stage2Options: AuaStage2Options = {
  pseudoWeight: 1,
  prototypeWeight: 0.1,
  temperature: 100,
  ignoreBackground: true,
  prototypeUpdates: "while-training",
};

/** A student, and a teacher that is its copy. */
export function tinyPair(classes = 2): [SegmentationNetwork, SegmentationNetwork] {
  const student = tinyNetwork(classes);
  return [student, tinyNetwork(classes).loadState(student.stateDict())];
}

export const tinyStage1 = (classes = 2, options: Partial<AuaStage1Options> = {}): AuaStage1 =>
  new AuaStage1(...tinyPair(classes), { ...stage1Options, ...options });
export function tinyStage2(
  classes = 2,
  options: Partial<AuaStage2Options> = {},
  spaces: PrototypeSpaces = "features",
): AuaStage2 {
  const network = tinyNetwork(classes);
  const estimators = newEstimators(network.options, spaces);
  return new AuaStage2(network, tinyNetwork(classes), estimators, { ...stage2Options, ...options });
}

export const meanTeacherOptions = { weight: 0.1, rampUp: 10, emaDecay: 0.99, noise: 0.1 };

export const bcpOptions = { box: 2 / 3, unlabeledWeight: 0.5, emaDecay: 0.99, largestComponent: true };
export const mcNetOptions = { weight: 4, rampUp: 10, temperature: 0.1 };

export const denseClOptions: DenseClOptions = {
  queue: 256,
  size: 8,
  temperature: 0.5,
  denseWeight: 0.5,
  momentum: 0.9,
  crop: 0.8,
  intensity: 0.1,
  noise: 0.05,
};

/** A decoder of each other way to upsample. */
export const tinyDecoders = (classes = 2): AuxiliaryDecoder[] =>
  (["trilinear", "nearest"] as const).map((kind) => {
    const { filters, normalization, dropout, device } = tinyOptions;
    return new AuxiliaryDecoder(kind, classes, { filters, normalization, dropout, device });
  });

/** A state's tensors by name, each as a hash of its bits: equal means equal to the last one. */
export const fingerprint = (state: StateDict): Map<string, string> =>
  new Map([...state].map(([name, x]) => [name, createHash("sha1").update(x.toFloat32Array()).digest("hex")]));

/** A method as the contract suite sees it. */
export interface Subject {
  readonly name: string;
  /** Names of its loss terms; none: it only observes. */
  readonly terms: readonly string[];
  make(classes: number): Method;
  batch(classes: number): PatchBatch;
  /** Judged against earlier batches, so that its loss on one fixed batch rises at first. */
  readonly againstEarlier?: true;
  /** Tensors of its network that its loss reaches; left out: of encoder, decoder and head. */
  readonly reached?: readonly string[];
  /** The network that no gradient may reach. */
  frozen?(method: Method): SegmentationNetwork;
}

const teacherOf = (method: Method): SegmentationNetwork => (method as TeacherMethod).teacher;

/** Every method. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: "supervised",
    terms: ["supervised"],
    make: (classes) => new Supervised(tinyNetwork(classes)),
    batch: (classes) => tinyBatch(classes, 4, 0),
  },
  {
    name: "ssn",
    terms: ["likelihood"],
    make: (classes) => new Ssn(tinyNetwork(classes), { samples: 4 }),
    batch: (classes) => tinyBatch(classes, 4, 0),
  },
  {
    name: "mean-teacher",
    terms: ["supervised", "consistency"],
    make: (classes) => new MeanTeacher(...tinyPair(classes), meanTeacherOptions),
    batch: tinyBatch,
    frozen: teacherOf,
  },
  {
    name: "ua-mt",
    terms: ["supervised", "consistency"],
    make: (classes) => new UaMt(...tinyPair(classes), { ...meanTeacherOptions, passes: 8 }),
    batch: tinyBatch,
    frozen: teacherOf,
  },
  {
    name: "mc-net",
    terms: ["supervised", "consistency"],
    make: (classes) => new McNet(tinyNetwork(classes), tinyDecoders(classes), mcNetOptions),
    batch: tinyBatch,
  },
  {
    name: "densecl",
    terms: ["global", "dense"],
    make: (classes) => new DenseCl(...tinyPair(classes), denseClOptions),
    batch: (classes) => tinyBatch(classes, 0, 4),
    reached: ["block_one.conv.0.weight"],
    againstEarlier: true,
    frozen: (method) => (method as DenseCl).keyNetwork,
  },
  {
    name: "bcp-pretraining",
    terms: ["supervised"],
    make: (classes) => new BcpPretraining(tinyNetwork(classes), bcpOptions),
    batch: (classes) => tinyBatch(classes, 3, 0),
  },
  {
    name: "bcp",
    terms: ["inward", "outward"],
    make: (classes) => new Bcp(...tinyPair(classes), bcpOptions),
    batch: tinyBatch,
    frozen: teacherOf,
  },
  {
    name: "aua-stage1",
    terms: ["likelihood", "dice", "contrast", "consistency"],
    make: (classes) => tinyStage1(classes),
    batch: tinyBatch,
    frozen: teacherOf,
  },
  {
    name: "aua-stage1 with the uncertainty mask",
    terms: ["likelihood", "dice", "contrast", "consistency"],
    make: (classes) => tinyStage1(classes, { uncertaintyMask: true }),
    batch: tinyBatch,
    frozen: teacherOf,
  },
  {
    name: "prototype-estimation",
    terms: [],
    make: (classes) => new PrototypeEstimation(tinyNetwork(classes)),
    batch: (classes) => tinyBatch(classes, 2, 0),
  },
  {
    name: "aua-stage2",
    terms: ["supervised", "pseudo", "prototype"],
    make: (classes) => tinyStage2(classes),
    batch: tinyBatch,
    frozen: (method) => (method as AuaStage2).labeler,
  },
  {
    name: "aua-stage2 with prototypes of features and outputs",
    terms: ["supervised", "pseudo", "prototype", "outputPrototype"],
    make: (classes) => tinyStage2(classes, { temperature: 0.5, ignoreBackground: false }, "both"),
    batch: tinyBatch,
    frozen: (method) => (method as AuaStage2).labeler,
  },
];
