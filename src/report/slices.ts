import type { Box } from "../volume/box.js";
import type { Grid, Triple } from "../volume/volume.js";
import { type Plane, type View, viewOf } from "./anatomy.js";
import { isCt, SOFT_TISSUE } from "./ct-window.js";
import { fieldOfView } from "./field-of-view.js";
import { heat, heatOpacity, mix, PREDICTION_COLOUR, REFERENCE_COLOUR, type Rgb } from "./palette.js";
import { encodePng } from "./png.js";

/** A case as a report shows it; arrays [D, H, W] on the grid. */
export interface ReportCase {
  id: string;
  image: Float32Array;
  reference: Uint8Array;
  prediction: Uint8Array;
  /** Any measure that is 0 where the model is sure. */
  uncertainty: Float32Array | null;
  grid: Grid;
}

/** What is the same in every slice of a case: the voxels shown, and what grey values and heat stand for. */
export interface Frame {
  readonly box: Box;
  /** Intensities shown black and white. */
  readonly window: readonly [number, number];
  /** Uncertainty shown as the hottest colour. */
  readonly uncertaintyMax: number;
}

/** What lies over the grey image. */
export type Layer = "contours" | "uncertainty";

export interface Picture {
  readonly png: Buffer;
  readonly width: number;
  readonly height: number;
}

const SHORTEST_LONG_SIDE = 320;
const LONGEST_SIDE = 640;
const SAMPLES = 200_000;

/**
 * The labels and their surroundings, with robust limits: intensities from the 0.5th to the 99.5th percentile, of CT those of
 * soft tissue, uncertainty up to the 99.9th percentile.
 */
export function frameOf(shown: ReportCase): Frame {
  const { image, uncertainty } = shown;
  const hottest = uncertainty ? quantile(sortedSample(uncertainty), 0.999) : 0;
  return {
    box: fieldOfView(shown),
    window: windowOf(image),
    uncertaintyMax: hottest > 0 ? hottest : 1,
  };
}

function windowOf(image: Float32Array): Frame["window"] {
  const sorted = sortedSample(image);
  if (isCt(quantile(sorted, 0.001), quantile(sorted, 0.02))) return SOFT_TISSUE;
  const [low, high] = [quantile(sorted, 0.005), quantile(sorted, 0.995)];
  return [low, high > low ? high : low + 1];
}

/**
 * One slice through `at` (voxel [D, H, W]) as a PNG: grey image in radiological orientation, voxels in their
 * true proportions, and over it either both contours (where they coincide, dashes of both colours) or the
 * uncertainty as heat with the prediction's edge, white inside and black outside.
 */
export function renderSlice(
  shown: ReportCase,
  plane: Plane,
  at: Triple,
  layer: Layer,
  frame: Frame,
): Picture {
  const view = viewOf(plane, shown.grid);
  const raster = rasterOf(shown.grid, view, frame.box, at);
  const { width, height, voxelOf } = raster;
  const rgb = new Uint8Array(width * height * 3);
  const [low, high] = frame.window;
  for (let pixel = 0; pixel < voxelOf.length; pixel++) {
    const voxel = voxelOf[pixel]!;
    const grey = Math.min(1, Math.max(0, (shown.image[voxel]! - low) / (high - low))) * 255;
    let colour: Rgb = [grey, grey, grey];
    if (layer === "uncertainty" && shown.uncertainty) {
      const value = shown.uncertainty[voxel]! / frame.uncertaintyMax;
      colour = mix(colour, heat(value), heatOpacity(value));
    }
    rgb.set(colour, pixel * 3);
  }
  if (layer === "contours") drawContours(rgb, raster, shown);
  else if (shown.uncertainty) drawEdge(rgb, raster, shown.prediction);
  return { png: encodePng(rgb, width, height), width, height };
}

interface Raster {
  readonly width: number;
  readonly height: number;
  /** For each pixel, the index of the voxel it shows. */
  readonly voxelOf: Int32Array;
}

/** Nearest voxel of every pixel; pixels are square in mm, at most as large as the smaller voxel edge. */
function rasterOf({ shape, spacingMm }: Grid, { across, down, right }: View, box: Box, at: Triple): Raster {
  const spacing = spacingMm ?? [1, 1, 1];
  const size = (axis: 0 | 1 | 2) => box.end[axis] - box.start[axis];
  const tall = size(down.axis) * spacing[down.axis];
  const wide = size(right.axis) * spacing[right.axis];
  const longest = Math.max(tall, wide);
  const finest = Math.min(spacing[down.axis], spacing[right.axis], longest / SHORTEST_LONG_SIDE);
  const pixel = Math.max(finest, longest / LONGEST_SIDE);
  const height = Math.max(1, Math.round(tall / pixel));
  const width = Math.max(1, Math.round(wide / pixel));
  const strides = [shape[1] * shape[2], shape[2], 1] as const;
  const offsets = (pixels: number, { axis, reversed }: View["down"]) =>
    Int32Array.from({ length: pixels }, (_, i) => {
      const step = Math.floor(((i + 0.5) / pixels) * size(axis));
      return strides[axis] * (reversed ? box.end[axis] - 1 - step : box.start[axis] + step);
    });
  const rows = offsets(height, down);
  const columns = offsets(width, right);
  const slice = strides[across] * at[across];
  const voxelOf = Int32Array.from(
    { length: width * height },
    (_, i) => slice + rows[Math.floor(i / width)]! + columns[i % width]!,
  );
  return { width, height, voxelOf };
}

/** Both outlines; where they fall together, dashes take turns. */
function drawContours(rgb: Uint8Array, raster: Raster, { reference, prediction }: ReportCase): void {
  const reach = lineReach(raster);
  const ofReference = outline(raster, reference, reach);
  const ofPrediction = outline(raster, prediction, reach);
  const dash = 5 * reach + 1;
  for (let pixel = 0; pixel < ofReference.length; pixel++) {
    if (!ofReference[pixel] && !ofPrediction[pixel]) continue;
    const turn = Math.floor(((pixel % raster.width) + Math.floor(pixel / raster.width)) / dash) % 2 === 0;
    const showsReference = ofReference[pixel] && (!ofPrediction[pixel] || turn);
    rgb.set(showsReference ? REFERENCE_COLOUR : PREDICTION_COLOUR, pixel * 3);
  }
}

/** White inside and black outside of the edge, so that it shows on tissue and on any heat. */
function drawEdge(rgb: Uint8Array, raster: Raster, labels: Uint8Array): void {
  outline(raster, labels, lineReach(raster)).forEach((on, pixel) => {
    if (on) rgb.fill(labels[raster.voxelOf[pixel]!] === 0 ? 0 : 255, pixel * 3, pixel * 3 + 3);
  });
}

/** Pixels to each side of an edge: large pictures are shown smaller, so their lines must be wider. */
const lineReach = ({ width, height }: Raster) =>
  Math.max(1, Math.round(Math.max(width, height) / SHORTEST_LONG_SIDE));

/** 1 on the `reach` pixels to each side of every edge between labels. */
function outline({ width, height, voxelOf }: Raster, labels: Uint8Array, reach: number): Uint8Array {
  const marked = new Uint8Array(width * height);
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const label = labels[voxelOf[pixel]!];
      if (x + 1 < width && labels[voxelOf[pixel + 1]!] !== label) {
        for (let i = Math.max(0, x + 1 - reach); i < Math.min(width, x + 1 + reach); i++)
          marked[pixel - x + i] = 1;
      }
      if (y + 1 < height && labels[voxelOf[pixel + width]!] !== label) {
        for (let i = Math.max(0, y + 1 - reach); i < Math.min(height, y + 1 + reach); i++)
          marked[i * width + x] = 1;
      }
    }
  }
  return marked;
}

function sortedSample(values: Float32Array): Float32Array {
  const step = Math.max(1, Math.floor(values.length / SAMPLES));
  const sample = new Float32Array(Math.ceil(values.length / step));
  let count = 0;
  for (let i = 0; i < values.length; i += step) {
    if (Number.isFinite(values[i])) sample[count++] = values[i]!;
  }
  return sample.subarray(0, count).sort();
}

/** Value below which this part of a sorted sample lies; 0 for an empty one. */
const quantile = (sorted: Float32Array, part: number): number =>
  sorted[Math.round(part * (sorted.length - 1))] ?? 0;
