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
  readonly frame: Frame;
}

/** A part of the plane with all dots of all samples in it: its middle and its sizes. */
export interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Of the frame over the dots' own extent. */
const MARGIN = 1.1;

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
  return { dots, explained: [first, second], frame: frameOf([...dots.values()].flat()) };
}

function frameOf(dots: readonly Dot[]): Frame {
  const [left, right, bottom, top] = dots.reduce(
    ([l, r, b, t], { x, y }) => [Math.min(l, x), Math.max(r, x), Math.min(b, y), Math.max(t, y)] as const,
    [0, 0, 0, 0] as readonly [number, number, number, number],
  );
  const span = (low: number, high: number) => Math.max(MARGIN * (high - low), 1e-6);
  return {
    x: (left + right) / 2,
    y: (bottom + top) / 2,
    width: span(left, right),
    height: span(bottom, top),
  };
}

const dotAt = ([x = 0, y = 0]: readonly number[], classNumber: number, kind: Dot["kind"]): Dot => ({
  x,
  y,
  class: classNumber,
  kind,
});
