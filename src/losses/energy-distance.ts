import { noGrad } from "../engine/autograd.js";
import type { Tensor } from "../engine/tensor.js";

const SMOOTH = 1e-5;

/**
 * Distances between all pairs of two sets of sampled logits, a [S,C,D,H,W] and b [T,C,D,H,W] -> [S,T]. All of them
 * follow from inner products of the flattened samples, so no pair is ever laid out voxel by voxel.
 */
type PairDistances = (a: Tensor, b: Tensor) => Tensor;

/**
 * - "dice": 1 - Dice of two samples' probabilities, all classes counted together.
 * - "class-dice": 1 - mean over classes of Dice.
 * - "mse": mean squared difference of probabilities.
 * - "kl": Kullback-Leibler divergence of b from a over classes, mean over voxels.
 * - "kl-published": the published implementation's, whose softmax runs over the first spatial axis and which sums.
 */
export type Distance = "dice" | "class-dice" | "mse" | "kl" | "kl-published";

/** [S,C,D,H,W] -> probabilities in groups of elements counted together: [G,S,N] */
const together = (logits: Tensor): Tensor => logits.softmax(1).reshape([1, logits.shape[0]!, -1]);
const byClass = (logits: Tensor): Tensor => {
  const [s, c] = logits.shape as [number, number];
  return logits.softmax(1).reshape([s, c, -1]).transpose(0, 1).contiguous();
};

/** inner products [G,S,T] and squared norms [G,S,1], [G,1,T] of rows x [G,S,N], y [G,T,N] */
const products = (x: Tensor, y: Tensor) => ({
  inner: x.bmm(y.transpose(1, 2)),
  normX: x.square().sum([2]).unsqueeze(2),
  normY: y.square().sum([2]).unsqueeze(1),
});

const diceOf =
  (group: (logits: Tensor) => Tensor): PairDistances =>
  (a, b) => {
    const { inner, normX, normY } = products(group(a), group(b));
    const dice = inner.mul(2).add(SMOOTH).div(normX.add(normY).add(SMOOTH));
    return dice.mean([0]).neg().add(1);
  };

const meanSquare: PairDistances = (a, b) => {
  const x = together(a);
  const { inner, normX, normY } = products(x, together(b));
  return normX.add(normY).sub(inner.mul(2)).squeeze(0).div(x.shape[2]!);
};

/** Σ_n q(log q - log p), p from a and q from b, softmax over an axis: [S,T] */
function divergence(a: Tensor, b: Tensor, axis: number): Tensor {
  const logP = a.logSoftmax(axis).reshape([a.shape[0]!, -1]);
  const logQ = b.logSoftmax(axis).reshape([b.shape[0]!, -1]);
  const q = logQ.exp();
  return q
    .mul(logQ)
    .sum([1])
    .unsqueeze(0)
    .sub(logP.matmul(q.transpose(0, 1)));
}

const voxelsOf = (logits: Tensor) => logits.shape.slice(2).reduce((product, n) => product * n, 1);

export const distances: Record<Distance, PairDistances> = {
  dice: diceOf(together),
  "class-dice": diceOf(byClass),
  mse: meanSquare,
  kl: (a, b) => divergence(a, b, 1).div(voxelsOf(a)),
  "kl-published": (a, b) => divergence(a, b, 2),
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
 * student, teacher [S,C,D,H,W] logits. Source: arXiv 2111.10989, eq. 6-8.
 */
export function energyDistance(student: Tensor, teacher: Tensor, kind: Distance): EnergyDistance {
  const pairs = distances[kind];
  const diversityTeacher = noGrad(() => pairs(teacher, teacher).mean());
  const diversityStudent = pairs(student, student).mean();
  const between = pairs(student, teacher).mean();
  const distance = between.mul(2).sub(diversityStudent).sub(diversityTeacher);
  return { distance, diversityStudent, diversityTeacher };
}
