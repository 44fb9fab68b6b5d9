import { type AxisMap, inverseMap, mappedGrid, spacingMap } from "../volume/axis-map.js";
import { type Box, boxShape, wholeBox } from "../volume/box.js";
import { resampleImage, resampleLabels, resampleToLabels } from "../volume/resample.js";
import { type Grid, mapAxes, type Triple } from "../volume/volume.js";

/** Where a prepared case lies in the file it was made from: first resampled, then cut to a box. */
export interface Placement {
  /** The file's own grid. */
  readonly source: Grid;
  /** The resampled voxels' places in the source. */
  readonly resampled: AxisMap;
  /** What was kept of them. */
  readonly box: Box;
}

/** A case as it is stored. */
export function asStored(source: Grid): Placement {
  const { shape } = source;
  return { source, resampled: { shape, origin: [0, 0, 0], step: [1, 1, 1] }, box: wholeBox(shape) };
}

/** Spacings this close, relative to each other, are the same: headers hold rounded numbers. */
const SAME_SPACING = 1e-3;

/**
 * A case at another spacing, along axes where that differs; null keeps it as it is stored. So does an axis of one voxel:
 * a slice is not made several, or none.
 */
export function atSpacing(source: Grid, spacingMm: Triple | null): Placement {
  const stored = asStored(source);
  if (!spacingMm) return stored;
  const near = mapAxes((axis) => {
    const own = source.spacingMm?.[axis] ?? Number.NaN;
    if (source.shape[axis] === 1) return own;
    return Math.abs(spacingMm[axis] - own) <= SAME_SPACING * own ? own : spacingMm[axis];
  });
  const resampled = spacingMap(source, near);
  return { ...stored, resampled, box: wholeBox(resampled.shape) };
}

/** Whether it was resampled. */
export const isResampled = ({ resampled }: Placement): boolean => resampled.step.some((step) => step !== 1);

const isCropped = ({ resampled, box }: Placement): boolean =>
  boxShape(box).some((n, axis) => n !== resampled.shape[axis]);

/** Whether the prepared voxels are the stored voxels. */
export const isUnchanged = (placement: Placement): boolean =>
  !isResampled(placement) && !isCropped(placement);

/** The prepared voxels' own grid. */
export function preparedGrid(placement: Placement): Grid {
  if (isUnchanged(placement)) return placement.source;
  const { source, resampled, box } = placement;
  return mappedGrid(source, {
    shape: boxShape(box),
    origin: mapAxes((axis) => resampled.origin[axis] + resampled.step[axis] * box.start[axis]),
    step: resampled.step,
  });
}

/** Where the source's voxels lie among the prepared ones. */
function backMap({ source, resampled, box }: Placement): AxisMap {
  const back = inverseMap(resampled, source.shape);
  return { ...back, origin: mapAxes((axis) => back.origin[axis] - box.start[axis]) };
}

/** Sets what lies beyond the cut box, by more than half a prepared voxel, to a value. */
function fillOutside_<T extends Float32Array | Uint8Array>(out: T, placement: Placement, value: number): T {
  const { resampled, box } = placement;
  const { shape, origin, step } = backMap(placement);
  const inside = [0, 1, 2].map((axis) => {
    const cutLow = box.start[axis]! > 0;
    const cutHigh = box.end[axis]! < resampled.shape[axis]!;
    const last = box.end[axis]! - box.start[axis]! - 0.5;
    return Array.from({ length: shape[axis]! }, (_, i) => {
      const at = origin[axis]! + step[axis]! * i;
      return !((cutLow && at < -0.5) || (cutHigh && at >= last));
    });
  });
  for (let z = 0, i = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++) {
      const row = inside[0]![z]! && inside[1]![y]!;
      for (let x = 0; x < shape[2]; x++, i++) if (!row || !inside[2]![x]!) out[i] = value;
    }
  return out;
}

/** A map of the prepared voxels [D, H, W] on the source's grid, linear between them; `outside` beyond the cut box. */
export function mapOnSource(data: Float32Array, placement: Placement, outside: number): Float32Array {
  if (isUnchanged(placement)) return data;
  const shape = boxShape(placement.box);
  return fillOutside_(resampleImage(data, shape, backMap(placement), "linear"), placement, outside);
}

/**
 * The label map on the source's grid. Where the case was resampled, each class's probability is brought to the source's
 * voxels linearly and the highest wins; where it was only cut, the labels are put back. Background beyond the cut box.
 */
export function labelsOnSource(
  labels: Uint8Array,
  probabilities: Float32Array,
  classes: number,
  placement: Placement,
): Uint8Array {
  if (isUnchanged(placement)) return labels;
  const shape = boxShape(placement.box);
  const map = backMap(placement);
  const out = isResampled(placement)
    ? resampleToLabels(probabilities, classes, shape, map)
    : resampleLabels(labels, shape, map, "nearest");
  return fillOutside_(out, placement, 0);
}
