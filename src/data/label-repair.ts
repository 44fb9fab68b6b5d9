import { badInput } from "../errors.js";
import { type Reorientation, reorientVoxels } from "../volume/orientation.js";
import type { Grid } from "../volume/volume.js";
import type { RawCase } from "./read-case.js";

/** What must be done to the labels that a data set's owners hand out. */
export interface LabelRepair {
  /** Classes by stored value; values that are not named are refused. Null keeps them. */
  readonly classOf: Readonly<Record<number, number>> | null;
  /**
   * The label lies voxel by voxel on the image's stored array, whatever its own header says, some axes [D, H, W]
   * reversed. Null: its header is right.
   */
  readonly reversed: readonly [boolean, boolean, boolean] | null;
}

export const NO_REPAIR: LabelRepair = { classOf: null, reversed: null };

function renumbered(data: Uint8Array, classOf: Readonly<Record<number, number>>, file: string): Uint8Array {
  return data.map((value) => {
    const to = classOf[value];
    if (to !== undefined) return to;
    throw badInput(
      `${file}: holds the value ${value}; expected ${Object.keys(classOf).join(", ")} (the label as its owners hand it out)`,
    );
  });
}

/** Bad input, naming the label's file: another shape than its image. */
export function checkSameShape(label: Grid, image: Grid, file: string): void {
  if (label.shape.every((n, axis) => n === image.shape[axis])) return;
  throw badInput(
    `${file}: label is [${label.shape.join(", ")}] but its image is [${image.shape.join(", ")}] (D, H, W); slices are missing in one of them`,
  );
}

/** A case with its label repaired. Bad input: a value that has no class, a label of another shape than its image. */
export function repaired(raw: RawCase, repair: LabelRepair, file: string): RawCase {
  const { grid, label } = raw;
  if (!label) return raw;
  const data = repair.classOf ? renumbered(label.data, repair.classOf, file) : label.data;
  if (!repair.reversed) return { ...raw, label: { ...label, data } };
  checkSameShape(label.grid, grid, file);
  const to: Reorientation = { axes: [0, 1, 2], reversed: repair.reversed };
  return { ...raw, label: { grid, data: reorientVoxels(data, grid.shape, to) } };
}
