/** What a method is, needs and costs, for people and for the checks before a run. No engine behind it. */
export interface MethodEntry {
  readonly summary: string;
  readonly citation: string;
  /** Its sections of the configuration. */
  readonly sections: readonly string[];
  /** Trains on labels; without, every training image counts as unlabeled. */
  readonly labels: boolean;
  /** Trains on unlabeled images too. */
  readonly unlabeled: boolean;
  /** Whether it ends with a network that segments, or with an encoder for others to start from. */
  readonly segments: boolean;
  readonly teacher: boolean;
  /** Draws samples of a predicted distribution, which take memory of their own. */
  readonly samples: boolean;
  /** Networks in memory at once while it trains. */
  readonly networks: number;
  /** Memory beside its networks and samples. */
  readonly extra?: string;
  /** Another method that is the first stages of this one: a run of it can be gone on with as this. */
  readonly beginsAs?: string;
  /** Whose distribution of logits the run leaves trained: the final network's, its labeler's, or none's. */
  readonly stochastic: "network" | "labeler" | null;
  /** Dice / Jaccard / ASD / 95HD (%, voxels) on the left atrium as its authors publish them, by labeled cases of 80. */
  readonly published?: string;
}

const AUA =
  "Wu H, Li X, Cheng K-T. Exploring Feature Representation Learning for Semi-supervised Medical Image Segmentation. arXiv:2111.10989";

const segmenting = { labels: true, segments: true } as const;
const labelsOnly = { ...segmenting, unlabeled: false, teacher: false, networks: 1 } as const;
const taught = { ...segmenting, unlabeled: true, teacher: true, networks: 2 } as const;

/** Every method by the name that --method takes, from the baseline up. */
export const METHODS = {
  supervised: {
    summary: "the baseline: cross-entropy and Dice on the labels alone",
    citation:
      "Milletari F, Navab N, Ahmadi S-A. V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation. 3DV 2016",
    sections: ["supervised"],
    ...labelsOnly,
    samples: false,
    stochastic: null,
    published: "16 labels: 86.03 / 76.06 / 3.51 / 14.26 (as arXiv:2111.10989 reports it)",
  },
  ssn: {
    summary:
      "stochastic segmentation network: the likelihood of the labels under sampled logits, labels alone",
    citation:
      "Monteiro M et al. Stochastic Segmentation Networks: Modelling Spatially Correlated Aleatoric Uncertainty. NeurIPS 2020",
    sections: ["supervised", "ssn"],
    ...labelsOnly,
    samples: true,
    stochastic: "network",
  },
  "mean-teacher": {
    summary: "consistency with a moving average of the network, under noise",
    citation:
      "Tarvainen A, Valpola H. Mean teachers are better role models: Weight-averaged consistency targets improve semi-supervised deep learning results. NeurIPS 2017",
    sections: ["supervised", "meanTeacher"],
    ...taught,
    samples: false,
    stochastic: null,
  },
  "ua-mt": {
    summary: "mean teacher whose consistency counts only voxels that the teacher is sure of",
    citation:
      "Yu L et al. Uncertainty-Aware Self-ensembling Model for Semi-supervised 3D Left Atrium Segmentation. MICCAI 2019",
    sections: ["supervised", "meanTeacher", "uaMt"],
    ...taught,
    samples: false,
    stochastic: null,
    published: "16 labels: 88.88 / 80.21 / 2.26 / 7.32; 8 labels: 84.25 / 73.48 / 3.36 / 13.84",
  },
  "aua-consistency": {
    summary:
      "AUA's stage 1 without its contrast: consistency of distributions, adapting to their uncertainty",
    citation: AUA,
    sections: ["stage1"],
    ...taught,
    samples: true,
    stochastic: "network",
  },
  "aua-contrast": {
    summary: "the whole of AUA's stage 1: consistency and contrast of features at boundaries",
    citation: AUA,
    sections: ["stage1"],
    ...taught,
    samples: true,
    stochastic: "network",
  },
  "aua-pseudo": {
    summary: "AUA's stage 1, then retraining with its pseudo labels; no prototypes",
    citation: AUA,
    sections: ["stage1", "stage2"],
    beginsAs: "aua-contrast",
    ...taught,
    samples: true,
    stochastic: "labeler",
  },
  aua: {
    summary:
      "all of AUA: stage 1, prototypes, retraining with pseudo labels and contrast against the prototypes",
    citation: AUA,
    sections: ["stage1", "prototypes", "stage2"],
    beginsAs: "aua-contrast",
    ...taught,
    samples: true,
    stochastic: "labeler",
    published: "16 labels: 91.08 / 83.67 / 1.80 / 5.60",
  },
  "aua-sharp": {
    summary:
      "AUA with a prototype contrast that tells classes apart: low temperature, background included; not the paper's",
    citation: AUA,
    sections: ["stage1", "prototypes", "stage2", "auaSharp"],
    beginsAs: "aua-contrast",
    ...taught,
    samples: true,
    stochastic: "labeler",
  },
  "mc-net": {
    summary:
      "MC-Net+: decoders that upsample differently must agree with each other's sharpened probabilities",
    citation:
      "Wu Y et al. Mutual consistency learning for semi-supervised medical image segmentation. Medical Image Analysis 81:102530, 2022",
    sections: ["supervised", "mcNet"],
    ...segmenting,
    unlabeled: true,
    teacher: false,
    networks: 1,
    extra: "two more decoders, with their features",
    samples: false,
    stochastic: null,
    published: "16 labels: 91.07 / 83.67 / 1.67 / 5.84; 8 labels: 88.96 / 80.25 / 1.86 / 7.93",
  },
  bcp: {
    summary:
      "bidirectional copy-paste: boxes of unlabeled patches in labeled ones and the other way round, labeled by a teacher",
    citation:
      "Bai Y et al. Bidirectional Copy-Paste for Semi-Supervised Medical Image Segmentation. CVPR 2023",
    sections: ["supervised", "bcp"],
    ...taught,
    samples: false,
    stochastic: null,
    published: "8 labels: 89.62 / 81.31 / 1.76 / 6.81; 4 labels: 88.02 / 78.72 / 2.15 / 7.90",
  },
  densecl: {
    summary:
      "pretraining of the encoder without labels, on all training images: dense contrast of two views; start from it with --init",
    citation: "Wang X et al. Dense Contrastive Learning for Self-Supervised Visual Pre-Training. CVPR 2021",
    sections: ["densecl"],
    labels: false,
    unlabeled: true,
    segments: false,
    teacher: true,
    networks: 2,
    extra: "two queues of densecl.queue x densecl.size float32",
    samples: false,
    stochastic: null,
  },
} as const satisfies Record<string, MethodEntry>;

export type MethodName = keyof typeof METHODS;

/** All names, in the catalog's order. */
export const METHOD_NAMES = Object.keys(METHODS) as [MethodName, ...MethodName[]];

/** A method's entry, with what it may leave out. */
export const methodEntry = (name: MethodName): MethodEntry => METHODS[name];
