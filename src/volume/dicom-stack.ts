import { badInput } from "../errors.js";
import type { DicomFrame } from "./dicom-frame.js";
import { cross, dot, minus } from "./directions.js";
import { gridOfPlacement, LPS } from "./patient-space.js";
import type { Grid } from "./volume.js";

/** What stacking needs to know of a slice. */
export type StackedFrame = Pick<
  DicomFrame,
  "file" | "position" | "orientation" | "pixelSpacing" | "sliceSpacing"
>;

/** Slices nearer than this are at one place. */
const SAME_PLACE_MM = 1e-3;
/** Rounding of directions that writers leave. */
const SAME_DIRECTION = 1e-3;
/** How far, in slice spacings, a slice may lie from an even grid: positions are rounded. */
const EVENNESS = 0.05;
/** A gap over this many usual ones lacks a slice. */
const MISSING = 1.5;
/** How far, in pixels, slices may drift sideways. */
const SIDEWAYS = 0.25;
/** And, in mm for each mm along the normal, what directions rounded to three decimals make of straight slices. */
const DRIFT = 1.5e-3;

interface Placed<F extends StackedFrame> {
  readonly frame: F;
  readonly position: readonly number[];
  /** Along the normal, in mm. */
  readonly along: number;
}

/** The directions that all slices share. Bad input: a slice that says no place, or points elsewhere. */
export function sharedAxes(frames: readonly StackedFrame[], source: string) {
  const [first] = frames;
  const lacking = frames.find(({ position, orientation }) => !position || !orientation);
  if (lacking)
    throw badInput(
      `${lacking.file.path}: says no position or orientation of its slice; can't be put in order`,
    );
  const orientation = first!.orientation!;
  const other = frames.find(({ orientation: o }) =>
    o!.some((v, i) => Math.abs(v - orientation[i]!) > SAME_DIRECTION),
  );
  if (other) {
    throw badInput(
      `${source}: its slices point in different directions (${first!.file.path} and ${other.file.path}); keep those of one volume`,
    );
  }
  const spacing = first!.pixelSpacing;
  if (!spacing) throw badInput(`${first!.file.path}: says no pixel spacing`);
  if (
    frames.some(
      ({ pixelSpacing }) => pixelSpacing?.some((v, i) => Math.abs(v - spacing[i]!) > 1e-4 * v) ?? true,
    )
  )
    throw badInput(`${source}: its slices have different pixel spacings; keep those of one volume`);
  const [row, column] = [orientation.slice(0, 3), orientation.slice(3)];
  if (
    Math.abs(dot(row, row) - 1) > 0.01 ||
    Math.abs(dot(column, column) - 1) > 0.01 ||
    Math.abs(dot(row, column)) > 0.01
  )
    throw badInput(
      `${first!.file.path}: its orientation (${orientation.join(", ")}) is no pair of directions at right angles`,
    );
  const normal = cross(row, column);
  const length = Math.hypot(...normal);
  return { row, column, normal: normal.map((value) => value / length), spacing };
}

const at = (mm: number) => `${mm.toFixed(2)} mm`;

function checkGaps<F extends StackedFrame>(placed: readonly Placed<F>[], source: string): void {
  const gaps = placed.slice(1).map(({ along }, i) => along - placed[i]!.along);
  const doubled = gaps.filter((gap) => gap < SAME_PLACE_MM).length;
  if (doubled > 0) {
    const i = gaps.findIndex((gap) => gap < SAME_PLACE_MM);
    const [a, b] = [placed[i]!.frame.file.path, placed[i + 1]!.frame.file.path];
    const which = a === b ? `two frames of ${a}` : `${a} and ${b}`;
    throw badInput(
      `${source}: ${which} lie at the same place${doubled > 1 ? ` and so do ${doubled - 1} pairs more` : ""}; a copy, or several volumes in one series: keep one slice for each place`,
    );
  }
  const usual = [...gaps].sort((a, b) => a - b)[gaps.length >> 1]!;
  const missing = gaps.findIndex((gap) => gap > MISSING * usual);
  if (missing >= 0) {
    const [a, b] = [placed[missing]!.frame.file.path, placed[missing + 1]!.frame.file.path];
    const count = Math.max(1, Math.round(gaps[missing]! / usual) - 1);
    throw badInput(
      `${source}: ${count === 1 ? "a slice is" : `about ${count} slices are`} missing between ${a} and ${b}: ${at(gaps[missing]!)} apart, the others ${at(usual)}`,
    );
  }
  const [first, last] = [placed[0]!.along, placed.at(-1)!.along];
  const step = (last - first) / (placed.length - 1);
  const uneven = placed.some(({ along }, i) => Math.abs(along - first - i * step) > EVENNESS * step);
  if (uneven) {
    throw badInput(
      `${source}: its slices are unevenly spaced, ${at(Math.min(...gaps))} to ${at(Math.max(...gaps))}; resample it to one spacing first`,
    );
  }
}

/** Refuses slices that are shifted sideways against one another. */
function checkTilt<F extends StackedFrame>(
  placed: readonly Placed<F>[],
  axes: ReturnType<typeof sharedAxes>,
  source: string,
): void {
  const { normal, spacing } = axes;
  const origin = placed[0]!;
  for (const { position, along } of placed.slice(1)) {
    const way = minus(position, origin.position);
    const rise = along - origin.along;
    const sideways = Math.hypot(...way.map((value, i) => value - rise * normal[i]!));
    if (sideways > SIDEWAYS * Math.min(...spacing) + DRIFT * rise) {
      const degrees = (Math.atan2(sideways, rise) * 180) / Math.PI;
      throw badInput(
        `${source}: its slices are shifted sideways by ${at(sideways)}, as a gantry tilted by ${degrees.toFixed(1)} degrees leaves them; resample it to a straight grid first`,
      );
    }
  }
}

/**
 * Slices in the order of their places along the normal of their planes, and the grid that they make. Bad input,
 * naming the source: slices that differ in direction or pixel spacing, lie at one place, are missing, unevenly spaced
 * or shifted sideways (gantry tilt).
 */
export function stackFrames<F extends StackedFrame>(
  frames: readonly F[],
  [columns, rows]: readonly [number, number],
  source: string,
): { frames: readonly F[]; grid: Grid } {
  const axes = sharedAxes(frames, source);
  const placed = frames
    .map((frame) => ({ frame, position: frame.position!, along: dot(frame.position!, axes.normal) }))
    .sort((a, b) => a.along - b.along);
  if (placed.length > 1) {
    checkGaps(placed, source);
    checkTilt(placed, axes, source);
  }
  const [first, last] = [placed[0]!, placed.at(-1)!];
  const lone = frames[0]!.sliceSpacing;
  const step =
    placed.length > 1
      ? minus(last.position, first.position).map((value) => value / (placed.length - 1))
      : axes.normal.map((value) => value * (lone && lone > 0 ? lone : 1));
  const placement = {
    directions: [
      axes.row.map((v) => v * axes.spacing[1]!),
      axes.column.map((v) => v * axes.spacing[0]!),
      step,
    ],
    origin: first.position,
  };
  const grid = gridOfPlacement([placed.length, rows, columns], placement, LPS, source);
  return { frames: placed.map(({ frame }) => frame), grid };
}
