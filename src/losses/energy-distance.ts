import { noGrad } from "../engine/autograd.js";
import { inFloat32 } from "../engine/precision.js";
import type { Tensor } from "../engine/tensor.js";

const SMOOTH = 1e-5;

/** What a set of samples is reduced to before it is compared: flattened rows, and a figure of each row. */
interface Rows {
  /** [G,S,N]: G groups of elements that are counted together */
  readonly values: Tensor;
  /** squared norms, or for a divergence the negative entropies: [G,S] */
  readonly sums: Tensor;
  /** for a divergence: logarithms of the values, [G,S,N] */
  readonly logs?: Tensor;
}

/**
 * Distances between all pairs of two sets of samples follow from inner products of their flattened rows, so no pair is
 * ever laid out voxel by voxel: rows of S and of T samples -> [S,T].
 */
interface PairDistance {
  /** logits [S,C,D,H,W] -> their rows, used for every set that this one is compared with */
  rows(logits: Tensor): Rows;
  between(a: Rows, b: Rows): Tensor;
}

/**
 * - "dice": 1 - Dice of two samples' probabilities, all classes counted together.
 * - "class-dice": 1 - mean over classes of Dice.
 * - "mse": mean squared difference of probabilities.
 * - "kl": Kullback-Leibler divergence of b from a over classes, mean over voxels.
 * - "kl-published": the published implementation's, whose softmax runs over the first spatial axis and which sums.
 */
export type Distance = "dice" | "class-dice" | "mse" | "kl" | "kl-published";

const withNorms = (values: Tensor): Rows => ({ values, sums: values.square().sum([2]) });

/** All classes counted together: [1,S,C·V] */
const together = (logits: Tensor): Rows => withNorms(logits.softmax(1).reshape([1, logits.shape[0]!, -1]));

/** Each class for itself: [C,S,V] */
const byClass = (logits: Tensor): Rows => {
  const [s, c] = logits.shape as [number, number];
  return withNorms(logits.softmax(1).reshape([s, c, -1]).transpose(0, 1));
};

/** a [G,S,N], b [G,T,N] -> [G,S,T] */
const products = (a: Tensor, b: Tensor): Tensor => a.bmm(b.transpose(1, 2));

/** sums of all pairs: [G,S], [G,T] -> [G,S,T] */
const pairSums = (a: Rows, b: Rows): Tensor => a.sums.unsqueeze(2).add(b.sums.unsqueeze(1));

const diceOver = (rows: PairDistance["rows"]): PairDistance => ({
  rows,
  between(a, b) {
    const overlap = products(a.values, b.values).mul(2).add(SMOOTH);
    return overlap.div(pairSums(a, b).add(SMOOTH)).mean([0]).neg().add(1);
  },
});

const meanSquare: PairDistance = {
  rows: together,
  between: (a, b) =>
    pairSums(a, b).sub(products(a.values, b.values).mul(2)).squeeze(0).div(a.values.shape[2]!),
};

/** Σ q(log q - log p), p from a and q from b, softmax over an axis, divided by `divisor` */
const divergence = (axis: number, divisor: (logits: Tensor) => number): PairDistance => ({
  rows(logits) {
    const logs = logits.logSoftmax(axis).reshape([1, logits.shape[0]!, -1]);
    const values = logs.exp();
    const scale = 1 / divisor(logits);
    return { values: values.mul(scale), logs, sums: values.mul(logs).sum([2]).mul(scale) };
  },
  between: (a, b) => b.sums.unsqueeze(1).sub(products(a.logs!, b.values)).squeeze(0),
});

const voxelsOf = (logits: Tensor) => logits.shape.slice(2).reduce((product, n) => product * n, 1);

export const distances: Record<Distance, PairDistance> = {
  dice: diceOver(together),
  "class-dice": diceOver(byClass),
  mse: meanSquare,
  kl: divergence(1, voxelsOf),
  "kl-published": divergence(2, () => 1),
};

/** The parts of a generalized energy distance, each a scalar. */
export interface EnergyDistance {
  readonly distance: Tensor;
  /** Mean distance among the student's samples, and among the teacher's: how much each doubts. */
  readonly diversityStudent: Tensor;
  readonly diversityTeacher: Tensor;
}

/**
 * Generalized energy distance 2·E d(s,t) - E d(s,s') - E d(t,t') of one image's samples, self pairs included.
 * student, teacher [S,C,D,H,W] logits. In float32 always: a difference of nearly equal means. Source: arXiv 2111.10989, eq. 6-8.
 */
export const energyDistance = (student: Tensor, teacher: Tensor, kind: Distance): EnergyDistance =>
  inFloat32(() => parts(student, teacher, kind));

function parts(student: Tensor, teacher: Tensor, kind: Distance): EnergyDistance {
  const pairs = distances[kind];
  const ours = pairs.rows(student);
  const theirs = noGrad(() => pairs.rows(teacher));
  const diversityTeacher = noGrad(() => pairs.between(theirs, theirs).mean());
  const diversityStudent = pairs.between(ours, ours).mean();
  const between = pairs.between(ours, theirs).mean();
  const distance = between.mul(2).sub(diversityStudent).sub(diversityTeacher);
  return { distance, diversityStudent, diversityTeacher };
}
