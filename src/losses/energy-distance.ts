import { noGrad, withGrad, withGradient } from "../engine/autograd.js";
import { inFloat32 } from "../engine/precision.js";
import { scope } from "../engine/scope.js";
import { call, cat, type Tensor } from "../engine/tensor.js";

const SMOOTH = 1e-5;

/**
 * A distance between two samples that follows from inner products of their flattened rows: no pair is ever laid out
 * voxel by voxel, and the gradient goes through the small matrix of products.
 */
interface PairDistance {
  /**
   * logits [S,C,D,H,W] -> [G,M,S,N]: G groups of elements that are counted together, M kinds of rows (probabilities,
   * and for a divergence their logarithms too)
   */
  rows(logits: Tensor): Tensor;
  /** products [G,M,R,M,R] of the rows of R samples, each [C,D,H,W] -> distances [R,R] */
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

/** All classes counted together: [1,1,S,C·V] */
const together = (logits: Tensor): Tensor => logits.softmax(1).reshape([1, 1, logits.shape[0]!, -1]);

/** Each class for itself: [C,1,S,V] */
function byClass(logits: Tensor): Tensor {
  const [s, c] = logits.shape as [number, number];
  return logits.softmax(1).reshape([s, c, 1, -1]).transpose(0, 1).transpose(1, 2);
}

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

const diceOver = (rows: PairDistance["rows"]): PairDistance => ({
  rows,
  between(products) {
    const [overlap, size] = overlapAndSize(products);
    return overlap.mul(2).add(SMOOTH).div(size.add(SMOOTH)).mean([0]).neg().add(1);
  },
});

const meanSquare: PairDistance = {
  rows: together,
  between(products, sample) {
    const [overlap, size] = overlapAndSize(products);
    return size.sub(overlap.mul(2)).squeeze(0).div(countOf(sample));
  },
};

/** Σ q(log q - log p), p from a and q from b, softmax over an axis, divided by `divisor` */
const divergence = (axis: number, divisor: (sample: readonly number[]) => number): PairDistance => ({
  rows(logits) {
    const logs = logits.logSoftmax(axis).reshape([1, 1, logits.shape[0]!, -1]);
    return cat([logs.exp(), logs], 1);
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

/** A generalized energy distance and its parts, each a scalar. Only the distance carries a gradient. */
export interface EnergyDistance {
  readonly distance: Tensor;
  /** Mean distance among the student's samples, and among the teacher's: how much each doubts. */
  readonly diversityStudent: Tensor;
  readonly diversityTeacher: Tensor;
}

/**
 * Generalized energy distance 2·E d(s,t) - E d(s,s') - E d(t,t') of one image's samples, self pairs included, with its
 * gradient in the student. student [S,C,D,H,W], teacher [T,C,D,H,W] logits. In float32 always: a difference of nearly
 * equal means. All pairs come from one matrix of products, so time and memory grow with S+T. Source: arXiv 2111.10989,
 * eq. 6-8.
 */
export const energyDistance = (student: Tensor, teacher: Tensor, kind: Distance): EnergyDistance =>
  inFloat32(() => {
    const [count, ...sample] = student.shape as [number, ...number[]];
    const rows = distances[kind].rows(student);
    const { gradient, ...means } = noGrad(() =>
      scope(() => {
        const all = cat([rows.detach(), distances[kind].rows(teacher)], 2); // [G,M,S+T,N]
        const [g, m, r, n] = all.shape as [number, number, number, number];
        const flat = all.reshape([g, m * r, n]);
        const products = flat.bmm(flat.transpose(1, 2)).reshape([g, m, r, m, r]);
        const found = throughProducts(products, count, (x) => distances[kind].between(x, sample));
        const slope = found.slope.slice(2, 0, count).reshape([g, m * count, m * r]);
        return { ...found.means, gradient: slope.bmm(flat).reshape([g, m, count, n]) };
      }),
    );
    return { ...means, distance: withGradient(means.distance, rows, gradient) };
  });

/**
 * The means over the pairs of `count` samples of the student and the rest, and how the distance moves with each row for
 * a unit of every other: the gradient of the products and, since each row is on both sides of them, its transpose.
 */
function throughProducts(products: Tensor, count: number, between: (products: Tensor) => Tensor) {
  return withGrad(() => {
    const leaf = products.detach().requireGrad();
    const pairs = between(leaf); // [S+T,S+T]
    const total = pairs.shape[0]!;
    const mean = (rows: [number, number], columns: [number, number]) =>
      pairs
        .slice(0, ...rows)
        .slice(1, ...columns)
        .mean();
    const [student, teacher]: [number, number][] = [
      [0, count],
      [count, total],
    ];
    const diversityStudent = mean(student!, student!);
    const diversityTeacher = mean(teacher!, teacher!);
    const distance = mean(student!, teacher!).mul(2).sub(diversityStudent).sub(diversityTeacher);
    distance.backward();
    const slope = leaf.grad!;
    return {
      means: {
        distance: distance.detach(),
        diversityStudent: diversityStudent.detach(),
        diversityTeacher: diversityTeacher.detach(),
      },
      slope: slope.add(slope.permute([0, 3, 4, 1, 2])),
    };
  });
}
