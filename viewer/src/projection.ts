import { PCA } from "ml-pca";
import type { FeatureSample } from "../../src/viewer/api.js";

/** A feature on the plane. */
export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly class: number;
  readonly kind: "labeled" | "pseudo-labeled" | "prototype";
}

/** Samples of one space on one plane, so that iterations can be compared. */
export interface Projection {
  readonly dots: ReadonlyMap<FeatureSample, readonly Dot[]>;
  /** Part of the variance along both axes. */
  readonly explained: readonly [number, number];
  /** Half the width of a square around all dots. */
  readonly reach: number;
}

/** The first two principal components of all rows of the samples together (mean removed, not scaled). */
export function project(samples: readonly FeatureSample[]): Projection | null {
  const rows = samples.flatMap((sample) => sample.rows.map(({ feature }) => [...feature]));
  if (rows.length < 3) return null;
  const pca = new PCA(rows);
  const [first = 0, second = 0] = pca.getExplainedVariance();
  const place = (features: readonly (readonly number[])[]): number[][] =>
    features.length === 0
      ? []
      : pca
          .predict(
            features.map((row) => [...row]),
            { nComponents: 2 },
          )
          .to2DArray();
  const dots = new Map(
    samples.map((sample): [FeatureSample, Dot[]] => {
      const placed = place(sample.rows.map(({ feature }) => feature));
      const ofRows = sample.rows.map((row, i): Dot => dotAt(placed[i]!, row.class, row.source));
      const ofPrototypes = place(sample.prototypes ?? []).map((at, c): Dot => dotAt(at, c, "prototype"));
      return [sample, [...ofRows, ...ofPrototypes]];
    }),
  );
  const distances = [...dots.values()].flat().map(({ x, y }) => Math.max(Math.abs(x), Math.abs(y)));
  return { dots, explained: [first, second], reach: 1.05 * distances.reduce((a, b) => Math.max(a, b), 1e-6) };
}

const dotAt = ([x = 0, y = 0]: readonly number[], classNumber: number, kind: Dot["kind"]): Dot => ({
  x,
  y,
  class: classNumber,
  kind,
});
