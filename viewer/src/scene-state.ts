/** Layers that lie over the image. */
export const LAYERS = ["reference", "prediction", "disagreement", "uncertainty", "samples"] as const;
export type LayerName = (typeof LAYERS)[number];

export interface LayerState {
  readonly on: boolean;
  /** Opacity of the area, 0 to 1; outlines are always opaque. */
  readonly fill: number;
}

/** One tile or all four. */
export type Layout = "all" | "axial" | "coronal" | "sagittal" | "3d";

/** What a person chose to see. */
export interface SceneState {
  readonly layers: Readonly<Record<LayerName, LayerState>>;
  /** Which sample is in front. */
  readonly sample: number;
  /** Draw the outlines of all samples, not only of the one in front. */
  readonly allSamples: boolean;
  /** Intensities shown black and white; null: the image's own robust range. */
  readonly window: readonly [number, number] | null;
  readonly layout: Layout;
  /** The image itself in 3-D, beside the surfaces. */
  readonly volume3d: boolean;
  readonly crosshair: boolean;
  /** Classes that are not shown. */
  readonly hidden: readonly number[];
}

export const START: SceneState = {
  layers: {
    reference: { on: true, fill: 0 },
    prediction: { on: true, fill: 0.15 },
    disagreement: { on: false, fill: 0.6 },
    uncertainty: { on: false, fill: 0.55 },
    samples: { on: false, fill: 0 },
  },
  sample: 0,
  allSamples: true,
  window: null,
  layout: "all",
  volume3d: false,
  crosshair: true,
  hidden: [],
};
