import { type Box, boundingBox, boxShape, uniteBoxes } from "../volume/box.js";
import { type Triple, voxelCount } from "../volume/volume.js";
import { distancesToMarked } from "./distance-transform.js";

/** Distances between two surfaces, in the unit of the spacing that was given. */
export interface SurfaceDistances {
  /** 95th percentile (linear interpolation) of both directions' distances pooled. */
  readonly hd95: number;
  /** Mean distance from the prediction's surface to the reference's; not symmetric. */
  readonly asd: number;
}

/**
 * 95 % Hausdorff distance and average surface distance of one class in two label maps [D, H, W], as medpy
 * defines them (`hd95` and `asd`, connectivity 1): a surface voxel has a face neighbour outside the class or
 * lies at the volume's edge; an axis of one voxel, as of a 2-D image, has neither. Distances are Euclidean between voxel centres, `spacing` along [D, H, W].
 * null where either map lacks the class: there is no distance then, and none is invented.
 */
export function surfaceDistances(
  prediction: Uint8Array,
  reference: Uint8Array,
  classIndex: number,
  shape: Triple,
  spacing: Triple,
): SurfaceDistances | null {
  checkArguments(prediction, reference, shape, spacing);
  const predictionBox = boundingBox(prediction, classIndex, shape);
  const referenceBox = boundingBox(reference, classIndex, shape);
  if (!predictionBox || !referenceBox) return null;
  const box = uniteBoxes(predictionBox, referenceBox);
  const predicted = surfaceVoxels(prediction, classIndex, shape, box);
  const actual = surfaceVoxels(reference, classIndex, shape, box);
  const toReference = distancesToMarked(actual, predicted, boxShape(box), spacing);
  const toPrediction = distancesToMarked(predicted, actual, boxShape(box), spacing);
  const pooled = new Float64Array(toReference.length + toPrediction.length);
  pooled.set(toReference);
  pooled.set(toPrediction, toReference.length);
  return { hd95: percentile(pooled, 95), asd: mean(toReference) };
}

/**
 * Within the box, 1 where a voxel of the class has one of its six face neighbours outside the class or the volume; along
 * axes of one voxel there are none.
 */
export function surfaceVoxels(labels: Uint8Array, classIndex: number, shape: Triple, box: Box): Uint8Array {
  const [depth, height, width] = shape;
  const [plane, row, one] = [depth > 1 ? height * width : 0, height > 1 ? width : 0, width > 1 ? 1 : 0];
  const isEdge = (at: number, size: number) => size > 1 && (at === 0 || at === size - 1);
  const [boxDepth, boxHeight, boxWidth] = boxShape(box);
  const surface = new Uint8Array(boxDepth * boxHeight * boxWidth);
  let to = 0;
  for (let d = box.start[0]; d < box.end[0]; d++) {
    for (let h = box.start[1]; h < box.end[1]; h++) {
      const edgeRow = isEdge(d, depth) || isEdge(h, height);
      let from = (d * height + h) * width + box.start[2];
      for (let w = box.start[2]; w < box.end[2]; w++, from++, to++) {
        if (labels[from] !== classIndex) continue;
        if (
          edgeRow ||
          isEdge(w, width) ||
          labels[from - one] !== classIndex ||
          labels[from + one] !== classIndex ||
          labels[from - row] !== classIndex ||
          labels[from + row] !== classIndex ||
          labels[from - plane] !== classIndex ||
          labels[from + plane] !== classIndex
        ) {
          surface[to] = 1;
        }
      }
    }
  }
  return surface;
}

/** Sorts in place; numpy's default: linear between the two nearest ranks. [0, 10] at 95: 9.5 */
export function percentile(values: Float64Array, percent: number): number {
  values.sort();
  const rank = ((values.length - 1) * percent) / 100;
  const below = Math.floor(rank);
  const low = values[below]!;
  const high = values[Math.min(below + 1, values.length - 1)]!;
  return low + (high - low) * (rank - below);
}

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

function checkArguments(prediction: Uint8Array, reference: Uint8Array, shape: Triple, spacing: Triple): void {
  const voxels = voxelCount(shape);
  if (prediction.length !== voxels || reference.length !== voxels) {
    throw new RangeError(
      `surfaceDistances: [${shape}] has ${voxels} voxels, prediction ${prediction.length}, reference ${reference.length}`,
    );
  }
  if (!spacing.every((edge) => Number.isFinite(edge) && edge > 0)) {
    throw new RangeError(`surfaceDistances: spacing [${spacing}] must be positive`);
  }
}
