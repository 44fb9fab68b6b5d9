import type { Dataset } from "../data/dataset.js";
import { SPACING_FACTOR } from "../data/suspicions.js";
import { badInput, shortList } from "../errors.js";
import type { RunRecord } from "../training/run-record.js";
import type { Grid, Triple } from "../volume/volume.js";
import type { Model } from "./model.js";

/** Bad input: data with another number of classes than the model's, or the same ones in another order. */
export function checkClasses({ dir, classNames }: Dataset, { config, classNames: trained }: Model): void {
  const { classes } = config.model;
  if (classNames.length !== classes)
    throw badInput(
      `${dir} has ${classNames.length} classes (${classNames.join(", ")}) but the run was trained on ${classes} ` +
        `(${trained.join(", ")}); evaluate on data with the same classes`,
    );
  const [here, there] = [classNames.slice(1), trained.slice(1)]; // what the background is called says nothing
  const isOrdered = here.every((name, i) => name === there[i]);
  if (isOrdered || here.sort().join("\n") !== there.sort().join("\n")) return;
  throw badInput(
    `${dir} has classes ${classNames.join(", ")} but the run was trained on ${trained.join(", ")}: bring them into that order`,
  );
}

/** A line on data whose classes bear other names than those a run was trained on; null where they bear the same. */
export function namesDoubt({ dir, classNames }: Dataset, { classNames: trained }: Model): string | null {
  if (classNames.slice(1).join() === trained.slice(1).join()) return null;
  return `check: classes of ${dir} are ${classNames.slice(1).join(", ")}, those of the run ${trained.slice(1).join(", ")}; scores bear the run's names`;
}

/** Bad input: images with another number of channels than the model's. */
export function checkChannels({ dir, channelNames }: Dataset, { config }: Model): void {
  const { inputChannels } = config.model;
  if (channelNames.length === inputChannels) return;
  throw badInput(
    `${dir}: images have ${channelNames.length} channels (${channelNames.join(", ")}) but the run was trained on ${inputChannels}; use data with the same channels`,
  );
}

/**
 * A line on scans whose voxels are of another size than those a run was trained on, where it does not resample; null where
 * there are none, or nothing is known of it. Sizes are compared in order of size, as axes may lie in another order.
 */
export function spacingDoubt(
  scans: ReadonlyMap<string, Pick<Grid, "spacingMm">>,
  { config }: Model,
  { medianSpacingMm: trained }: Pick<RunRecord, "medianSpacingMm">,
): string | null {
  if (!trained || config.data.spacingMm) return null;
  const factors = [...scans].flatMap(([id, { spacingMm }]) => {
    const factor = spacingMm ? foldOf(spacingMm, trained) : 1;
    return factor >= SPACING_FACTOR ? [{ id, factor }] : [];
  });
  if (factors.length === 0) return null;
  const most = Math.max(...factors.map(({ factor }) => factor));
  return (
    `check: voxel sizes of ${shortList(factors.map(({ id }) => id))} differ up to ${most.toFixed(1)}-fold from those trained on ` +
    `(${trained.map((mm) => Number(mm.toPrecision(3))).join(" x ")} mm), and this run does not resample: expect worse results, or train with data.spacingMm`
  );
}

function foldOf(a: Triple, b: Triple): number {
  const [ours, theirs] = [a, b].map((triple) => [...triple].sort((x, y) => x - y)) as [number[], number[]];
  return Math.max(...ours.map((mm, i) => Math.max(mm / theirs[i]!, theirs[i]! / mm)));
}
