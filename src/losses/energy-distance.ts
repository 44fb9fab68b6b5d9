import { cat } from "../engine/make-tensor.js";
import { probabilityProducts } from "../engine/ops.js";
import { inFloat32 } from "../engine/precision.js";
import { call, type Tensor } from "../engine/tensor.js";

const SMOOTH = 1e-5;

/**
 * A distance between two samples that follows from inner products of their flattened rows, so no pair is ever laid out
 * voxel by voxel and the gradient goes through a small matrix.
 */
interface PairDistance {
  /**
   * student [S,C,D,H,W], teacher [T,C,D,H,W] -> products [G,M,R,M,R] of the rows of all R = S+T samples: G groups of
   * elements that are counted together, M kinds of rows (probabilities, for a divergence their logarithms too)
   */
  products(student: Tensor, teacher: Tensor): Tensor;
  /** products of rows of samples of shape [C,D,H,W] -> distances [R,R] */
  between(products: Tensor, sample: readonly number[]): Tensor;
}

/**
 * - "dice": 1 - Dice of two samples' probabilities, all classes counted together.
 * - "class-dice": 1 - mean over classes of Dice.
 * - "mse": mean squared difference of probabilities.
 * - "kl": Kullback-Leibler divergence of b from a over classes, mean over voxels.
 * - "kl-published": the published implementation's, whose softmax runs over the first spatial axis and which sums.
 */
export type Distance = "dice" | "class-dice" | "mse" | "kl" | "kl-published";

const countOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Each class for itself: [C,1,R,1,R] */
const byClass = (student: Tensor, teacher: Tensor): Tensor => {
  const flat = (x: Tensor) => x.reshape([x.shape[0]!, x.shape[1]!, -1]);
  return probabilityProducts(flat(student), flat(teacher)).unsqueeze(1).unsqueeze(3);
};

/** All classes counted together: [1,1,R,1,R] */
const together = (student: Tensor, teacher: Tensor): Tensor => byClass(student, teacher).sum([0], true);

/** Products of rows of kind m with rows of kind n: [G,R,R] */
const ofKinds = (products: Tensor, m: number, n: number): Tensor => products.select(3, n).select(1, m);

/** [G,R,R] -> its diagonal, as a column [G,R,1] */
const diagonal = (matrix: Tensor): Tensor => call("diagonal", "", matrix, 0, 1, 2).unsqueeze(2);

/** Products of all pairs, and the sums of the two squared norms: both [G,R,R] */
function overlapAndSize(products: Tensor): [Tensor, Tensor] {
  const overlap = ofKinds(products, 0, 0);
  const norms = diagonal(overlap);
  return [overlap, norms.add(norms.transpose(1, 2))];
}

const diceOver = (products: PairDistance["products"]): PairDistance => ({
  products,
  between(products) {
    const [overlap, size] = overlapAndSize(products);
    return overlap.mul(2).add(SMOOTH).div(size.add(SMOOTH)).mean([0]).neg().add(1);
  },
});

const meanSquare: PairDistance = {
  products: together,
  between(products, sample) {
    const [overlap, size] = overlapAndSize(products);
    return size.sub(overlap.mul(2)).squeeze(0).div(countOf(sample));
  },
};

/** Σ q(log q - log p), p from a and q from b, softmax over an axis, divided by `divisor` */
const divergence = (axis: number, divisor: (sample: readonly number[]) => number): PairDistance => ({
  products(student, teacher) {
    const rows = (logits: Tensor) => {
      const logs = logits.logSoftmax(axis).reshape([1, logits.shape[0]!, -1]);
      return cat([logs.exp(), logs], 0);
    };
    const all = cat([rows(student), rows(teacher.detach())], 1); // [M,R,N]
    const [m, r, n] = all.shape as [number, number, number];
    const flat = all.reshape([m * r, n]);
    return flat.matmul(flat.transpose(0, 1)).reshape([1, m, r, m, r]);
  },
  between(products, sample) {
    const negativeEntropies = diagonal(ofKinds(products, 0, 1));
    const crossed = ofKinds(products, 1, 0);
    return negativeEntropies.transpose(1, 2).sub(crossed).squeeze(0).div(divisor(sample));
  },
});

export const distances: Record<Distance, PairDistance> = {
  dice: diceOver(together),
  "class-dice": diceOver(byClass),
  mse: meanSquare,
  kl: divergence(1, ([, ...space]) => countOf(space)),
  "kl-published": divergence(2, () => 1),
};

/** A generalized energy distance and its parts, each a scalar. */
export interface EnergyDistance {
  readonly distance: Tensor;
  /** Mean distance among the student's samples, and among the teacher's: how much each doubts. */
  readonly diversityStudent: Tensor;
  readonly diversityTeacher: Tensor;
}

/**
 * Generalized energy distance 2·E d(s,t) - E d(s,s') - E d(t,t') of one image's samples, self pairs included; the
 * teacher gets no gradient. student [S,C,D,H,W], teacher [T,C,D,H,W] logits. In float32 always: a difference of nearly
 * equal means. All pairs come from one matrix of products, so memory grows with S+T. Source: arXiv 2111.10989, eq. 6-8.
 */
export const energyDistance = (student: Tensor, teacher: Tensor, kind: Distance): EnergyDistance =>
  inFloat32(() => {
    const [count, ...sample] = student.shape as [number, ...number[]];
    const pairs = distances[kind].between(distances[kind].products(student, teacher), sample); // [S+T,S+T]
    const total = pairs.shape[0]!;
    const mean = (rows: readonly [number, number], columns: readonly [number, number]) =>
      pairs
        .slice(0, ...rows)
        .slice(1, ...columns)
        .mean();
    const [ours, theirs] = [[0, count] as const, [count, total] as const];
    const [diversityStudent, diversityTeacher] = [mean(ours, ours), mean(theirs, theirs)];
    const distance = mean(ours, theirs).mul(2).sub(diversityStudent).sub(diversityTeacher);
    return { distance, diversityStudent, diversityTeacher };
  });
