import { badInput } from "../errors.js";
import type { LabelMap } from "../volume/volume.js";
import { overlap } from "./overlap.js";
import { surfaceDistances } from "./surface-distance.js";

export { toCsv, toTable } from "./score-table.js";

/** Of one class in one case; distances are null where prediction or reference lacks the class. */
export interface CaseScore {
  id: string;
  class: string;
  dice: number;
  jaccard: number;
  hd95: number | null;
  asd: number | null;
}

export interface MeanScore {
  dice: number;
  jaccard: number;
  /** Mean of the distances that exist; null where none does. */
  hd95: number | null;
  asd: number | null;
}

/** What distances are measured in: voxels where a file stores no spacing. */
export type DistanceUnit = "mm" | "voxel";

export interface Evaluation {
  cases: CaseScore[];
  mean: MeanScore;
  perClass: (MeanScore & { class: string; missing: number })[];
  unit: DistanceUnit;
  /** Rows of `cases` whose distances couldn't be measured; they are in no mean distance. */
  missing: number;
}

/** The unit of the distances that `scoreCase` measures against this reference. */
export const distanceUnit = (reference: LabelMap): DistanceUnit =>
  reference.grid.spacingMm ? "mm" : "voxel";

/**
 * Scores every foreground class: `classNames[c]` names class c, and class 0, the background, has no row.
 * Throws bad-input where the grids' shapes differ or a map holds a class without a name.
 */
export function scoreCase(
  id: string,
  prediction: LabelMap,
  reference: LabelMap,
  classNames: readonly string[],
): CaseScore[] {
  const { shape, spacingMm } = reference.grid;
  if (shape.some((size, axis) => size !== prediction.grid.shape[axis])) {
    throw badInput(
      `case ${id}: the prediction is [${prediction.grid.shape}] but the reference is [${shape}]; predict on the reference's grid`,
    );
  }
  checkClasses(id, "prediction", prediction.data, classNames);
  checkClasses(id, "reference", reference.data, classNames);
  return classNames.slice(1).map((name, index) => {
    const classIndex = index + 1;
    const { dice, jaccard } = overlap(prediction.data, reference.data, classIndex);
    const spacing = spacingMm ?? ([1, 1, 1] as const);
    const distances = surfaceDistances(prediction.data, reference.data, classIndex, shape, spacing);
    return { id, class: name, dice, jaccard, hd95: distances?.hd95 ?? null, asd: distances?.asd ?? null };
  });
}

/** Means over the rows (case and class), overall and by class. Throws bad-input where there is no row. */
export function summarize(cases: CaseScore[], unit: DistanceUnit): Evaluation {
  if (cases.length === 0) throw badInput("nothing to score: give at least one case with a reference");
  const classes = [...new Set(cases.map((score) => score.class))];
  const perClass = classes.map((name) => {
    const rows = cases.filter((score) => score.class === name);
    return { class: name, ...meanScore(rows), missing: countMissing(rows) };
  });
  return { cases, mean: meanScore(cases), perClass, unit, missing: countMissing(cases) };
}

const meanScore = (rows: readonly CaseScore[]): MeanScore => ({
  dice: mean(rows.map((row) => row.dice))!,
  jaccard: mean(rows.map((row) => row.jaccard))!,
  hd95: mean(rows.flatMap((row) => row.hd95 ?? [])),
  asd: mean(rows.flatMap((row) => row.asd ?? [])),
});

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

const countMissing = (rows: readonly CaseScore[]) => rows.filter((row) => row.hd95 === null).length;

function checkClasses(id: string, which: string, labels: Uint8Array, classNames: readonly string[]): void {
  const largest = labels.reduce((max, label) => Math.max(max, label), 0);
  if (largest >= classNames.length) {
    throw badInput(
      `case ${id}: the ${which} holds class ${largest} but only 0 to ${classNames.length - 1} have names (${classNames.join(", ")}); name it in the classes or relabel the file`,
    );
  }
}
