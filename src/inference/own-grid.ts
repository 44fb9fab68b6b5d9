import type { CaseFiles } from "../data/dataset.js";
import { isUnchanged, labelsOnSource, mapOnSource, type Placement } from "../data/placement.js";
import { channelCount, inAxisOrder, type PreparedCase } from "../data/prepare.js";
import { readCase } from "../data/read-case.js";
import type { AxisOrder } from "../volume/orientation.js";
import { type Grid, voxelCount } from "../volume/volume.js";
import type { Segmentation } from "./model.js";

/**
 * A segmentation of prepared voxels, on the grid that preparation started from. Labels come from the probabilities,
 * resampled linearly; what a crop left out is background, and certain. Probabilities are brought back only where
 * `withProbabilities` says so (they are large), and are empty else.
 */
export function onSource(
  { probabilities, labels, uncertainty }: Segmentation,
  placement: Placement | undefined,
  withProbabilities: boolean,
): Segmentation {
  if (!placement || isUnchanged(placement)) return { probabilities, labels, uncertainty };
  const classes = probabilities.length / labels.length;
  return {
    labels: labelsOnSource(labels, probabilities, classes, placement),
    probabilities: withProbabilities
      ? channelsOnSource(probabilities, classes, placement)
      : new Float32Array(0),
    uncertainty: uncertainty && mapOnSource(uncertainty, placement, 0),
  };
}

/** [C, D, H, W], background being sure beyond the crop. */
function channelsOnSource(channels: Float32Array, classes: number, placement: Placement): Float32Array {
  const [own, full] = [channels.length / classes, voxelCount(placement.source.shape)];
  const out = new Float32Array(classes * full);
  for (let c = 0; c < classes; c++) {
    const one = channels.subarray(c * own, (c + 1) * own);
    out.set(mapOnSource(one, placement, c === 0 ? 1 : 0), c * full);
  }
  return out;
}

/** A labeled case on the grid that preparation started from, where scores are taken. */
export interface SourceCase {
  readonly grid: Grid;
  readonly reference: Uint8Array;
}

/**
 * The label as the file holds it: a score never depends on what preparation did to the reference.
 * Bad input: a file that can't be read any more.
 */
export async function sourceCase(
  files: CaseFiles,
  prepared: PreparedCase,
  order: AxisOrder,
): Promise<SourceCase> {
  const { label, grid, placement } = prepared;
  if (!placement || isUnchanged(placement)) return { grid, reference: label! };
  const raw = inAxisOrder(await readCase(files, channelCount(prepared)), order);
  return { grid: raw.grid, reference: raw.label!.data };
}
