import { shortList } from "../errors.js";
import { edgesText } from "../volume/volume.js";
import type { Fingerprint, SurveyedCase } from "./fingerprint.js";
import { channelName, classRefusal } from "./read-case.js";

/** Something about a set that a person should look at. "refuse": training on it would be wrong or fail. */
export interface Suspicion {
  readonly severity: "refuse" | "warn";
  readonly cases: readonly string[];
  /** One line: what, and what to do. */
  readonly message: string;
}

/** What the checks need to know of how cases are prepared. */
export interface CheckOptions {
  /** Whether each case is brought to one scale by its own intensities, so that another scale does no harm. */
  readonly scaledPerCase: boolean;
  /** Whether all cases are resampled to one spacing. */
  readonly resampled: boolean;
}

/** Other units are 1,000 times off; what differs from case to case beside leaves a tenth of it. */
const INTENSITY_FACTOR = 100;
/** Voxel sizes too: no two scanners are so far apart. */
const UNITS_FACTOR = 100;
/** Voxels by which a label's header may differ from its image's: rounding. */
const OFFSET_VOXELS = 0.1;
/** Voxel sizes that differ so much look like another scanner's to a network. */
export const SPACING_FACTOR = 1.5;

const idOf = ({ files }: SurveyedCase) => files.id;

/** What preparation would refuse: in a training case that ends the run, in a test case its evaluation. */
function damaged({ cases, classNames }: Fingerprint): Suspicion[] {
  return cases.flatMap((one) => {
    const unknown = one.classes?.find(({ value }) => value >= classNames.length);
    const lines = unknown
      ? [...one.problems, classRefusal(one.files, unknown.value, unknown.first, classNames.length)]
      : one.problems;
    return lines.map(
      (message): Suspicion => ({
        severity: one.role === "test" ? "warn" : "refuse",
        cases: [idOf(one)],
        message,
      }),
    );
  });
}

function constant({ cases }: Fingerprint): Suspicion[] {
  return cases.flatMap((one) =>
    (one.image?.channels ?? []).flatMap(({ intensity: { min, max } }, i, { length }): Suspicion[] => {
      if (min !== max) return [];
      const message = `${channelName(one.files, i, length)}: every voxel is ${min}; take it out of the set`;
      return [{ severity: one.role === "test" ? "warn" : "refuse", cases: [idOf(one)], message }];
    }),
  );
}

function emptyLabels({ cases }: Fingerprint): Suspicion[] {
  const empty = cases.filter(({ classes }) => classes?.every(({ value }) => value === 0)).map(idOf);
  if (empty.length === 0) return [];
  const message = `labels hold background only (${shortList(empty)}); check that they are meant to`;
  return [{ severity: "warn", cases: empty, message }];
}

/** Labels whose headers put them a little elsewhere than their images. */
function shiftedLabels({ cases }: Fingerprint): Suspicion[] {
  const off = cases.filter(
    ({ labelOffset }) => labelOffset !== null && labelOffset > OFFSET_VOXELS && labelOffset <= 1,
  );
  if (off.length === 0) return [];
  const most = Math.max(...off.map(({ labelOffset }) => labelOffset!));
  const message = `labels lie up to ${most.toFixed(2)} voxels from their images by their headers (${shortList(off.map(idOf))}); they are taken voxel by voxel, check that they are meant to`;
  return [{ severity: "warn", cases: off.map(idOf), message }];
}

/** Labels on voxels that are all alike, as air and padding are, in images that are not. */
function labelsOnNothing({ cases }: Fingerprint): Suspicion[] {
  const blank = cases.filter(({ foreground, image }) => {
    if (!foreground || !image || foreground.min < foreground.max) return false;
    const { min, max } = image.channels[0]!.intensity;
    return min < max;
  });
  if (blank.length === 0) return [];
  const ids = blank.map(idOf);
  const message = `every labeled voxel of ${shortList(ids)} has one intensity: the label lies in air or padding, outside what the image shows`;
  return [{ severity: "warn", cases: ids, message }];
}

function unseenClasses({ cases, classNames }: Fingerprint): Suspicion[] {
  const labeled = cases.filter(({ role, classes }) => role === "labeled" && classes);
  if (labeled.length === 0) return [];
  const seen = new Set(labeled.flatMap(({ classes }) => classes!.map(({ value }) => value)));
  const unseen = classNames.filter((_, value) => value > 0 && !seen.has(value));
  return unseen.map(
    (name): Suspicion => ({
      severity: "warn",
      cases: [],
      message: `no labeled training case holds the class ${name}: it can't be learned`,
    }),
  );
}

/** The same image twice: in training and test, scores would be too good. */
function duplicates({ cases }: Fingerprint): Suspicion[] {
  const groups = groupedByHash(cases);
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group): Suspicion => {
      const test = group.filter(({ role }) => role === "test");
      const both = test.length > 0 && test.length < group.length;
      const ids = group.map(idOf);
      const where = shortList(group.map(({ files }) => files.imagePath));
      const message = both
        ? `${shortList(group.filter(({ role }) => role !== "test").map(idOf))} in training and ${shortList(test.map(idOf))} in test hold the same image (${where}); test scores would be too good: take one of these files, and its entry in a list, out of the set, or train with --skip-checks`
        : `${shortList(ids)} hold the same image (${where}); take all but one of these files, and their entries in a list, out of the set`;
      return { severity: both ? "refuse" : "warn", cases: ids, message };
    });
}

function groupedByHash(cases: readonly SurveyedCase[]): Map<string, SurveyedCase[]> {
  const groups = new Map<string, SurveyedCase[]>();
  for (const one of cases) {
    if (!one.image) continue;
    groups.set(one.image.hash, [...(groups.get(one.image.hash) ?? []), one]);
  }
  return groups;
}

/** Of a channel: range between the outer percentiles, or the whole range where most voxels are alike. */
function scaleOf({ image }: SurveyedCase, channel: number): number {
  if (!image) return 0;
  const { percentiles, min, max } = image.channels[channel]!.intensity;
  return percentiles[2] - percentiles[0] || max - min;
}

/**
 * Intensities of other units: a case 100 times off the median, or a set whose extremes are 100 times apart. Harmless
 * where every case is brought to one scale by itself.
 */
function oddIntensities(
  { cases, channels }: Fingerprint,
  { scaledPerCase }: CheckOptions,
  channel: number,
): Suspicion[] {
  const scale = (one: SurveyedCase) => scaleOf(one, channel);
  const scaled = cases.filter((one) => scale(one) > 0).sort((a, b) => scale(a) - scale(b));
  if (scaled.length < 2) return [];
  const [least, most] = [scaled[0]!, scaled.at(-1)!];
  const spreadOf = (sorted: readonly SurveyedCase[]) =>
    sorted.length > 0 ? scale(sorted.at(-1)!) / scale(sorted[0]!) : 1;
  const spread = spreadOf(scaled);
  if (spread < INTENSITY_FACTOR) return [];
  const typical = scale(scaled[scaled.length >> 1]!);
  const off = (one: SurveyedCase) => Math.max(scale(one) / typical, typical / scale(one)) >= INTENSITY_FACTOR;
  const odd = scaled.filter(off).map(idOf);
  const what =
    scaled.length > 2 && odd.length > 0
      ? `${odd.length === 1 ? "1 image has" : `${odd.length} images have`} intensities ${INTENSITY_FACTOR} times or more off the set's median (${shortList(odd)})`
      : `the images' intensities spread ${Math.round(spread)}-fold, from ${idOf(least)} to ${idOf(most)}`;
  const advice = scaledPerCase
    ? "a normalization of each case by its own intensities makes them alike"
    : "with this normalization they would not be alike: repair them, or use data.normalization=z-score without data.windowHu";
  // training is right where its own cases are alike: a test case's evaluation is not
  const hindersTraining = spreadOf(scaled.filter(({ role }) => role !== "test")) >= INTENSITY_FACTOR;
  const severity = scaledPerCase || !hindersTraining ? "warn" : "refuse";
  return [
    {
      severity,
      cases: odd.length > 0 ? odd : [idOf(least), idOf(most)],
      message: `${channels > 1 ? `channel ${channel + 1}: ` : ""}${what}; ${advice}`,
    },
  ];
}

/** Voxel sizes of other units, which resampling would follow. */
function otherUnits({ cases, spacingMm }: Fingerprint): Suspicion[] {
  if (!spacingMm) return [];
  return cases.flatMap(({ files, role, image }): Suspicion[] => {
    const factors = (image?.spacingMm ?? [])
      .map((mm, axis) => Math.max(mm / spacingMm.median[axis]!, spacingMm.median[axis]! / mm))
      .filter((_, axis) => image!.shape[axis]! > 1); // what a lone slice says of its thickness is not used
    const factor = Math.max(...factors);
    if (factor < UNITS_FACTOR) return [];
    const message = `${files.imagePath}: its voxels of ${edgesText(image!.spacingMm!)} mm are ${Math.round(factor)} times off the set's median of ${edgesText(spacingMm.median)} mm (D, H, W); its header counts in other units: repair it`;
    return [{ severity: role === "test" ? "warn" : "refuse", cases: [files.id], message }];
  });
}

function oddSpacings(fingerprint: Fingerprint, { resampled }: CheckOptions): Suspicion[] {
  const { cases, spacingMm } = fingerprint;
  const training = cases.filter(({ role, image }) => role !== "test" && image);
  const without = training.filter(({ image }) => image!.spacingMm === null).map(idOf);
  const found = otherUnits(fingerprint);
  const hasOtherUnits = found.some(({ severity }) => severity === "refuse");
  if (without.length > 0 && spacingMm) {
    const message = `${without.length} images store no voxel size, unlike the others (${shortList(without)}); repair their headers`;
    found.push({ severity: "warn", cases: without, message });
  }
  if (!spacingMm || resampled || hasOtherUnits) return found;
  const factor = Math.max(...spacingMm.max.map((max, axis) => max / spacingMm.min[axis]!));
  if (factor < SPACING_FACTOR) return found;
  const message = `voxel sizes differ up to ${factor.toFixed(1)}-fold between cases; set data.spacingMm, for example [${spacingMm.median.join(",")}]`;
  return [...found, { severity: "warn", cases: [], message }];
}

/** All that is odd about a set, the worst first. */
export function suspicionsOf(fingerprint: Fingerprint, options: CheckOptions): Suspicion[] {
  const found = [
    ...damaged(fingerprint),
    ...constant(fingerprint),
    ...duplicates(fingerprint),
    ...Array.from({ length: fingerprint.channels }, (_, i) => oddIntensities(fingerprint, options, i)).flat(),
    ...fingerprint.remarks.map((message): Suspicion => ({ severity: "warn", cases: [], message })),
    ...shiftedLabels(fingerprint),
    ...labelsOnNothing(fingerprint),
    ...emptyLabels(fingerprint),
    ...unseenClasses(fingerprint),
    ...oddSpacings(fingerprint, options),
  ];
  const rank = ({ severity }: Suspicion) => (severity === "refuse" ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b));
}
