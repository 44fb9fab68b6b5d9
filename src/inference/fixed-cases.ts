import { appendFileSync, existsSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { CaseFiles, Dataset } from "../data/dataset.js";
import { channelOf, type PreparedCase, prepareCase } from "../data/prepare.js";
import { noGrad } from "../engine/autograd.js";
import { mostLikelyClass } from "../engine/ops.js";
import { withPrecision } from "../engine/precision.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { PenumbraError } from "../errors.js";
import { makeDirectory } from "../files/directory.js";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";
import { writeText, writeWholeFile } from "../files/whole-file.js";
import { writeFailure } from "../files/write-failure.js";
import type { Method } from "../methods/method.js";
import { overlap } from "../metrics/overlap.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { centreOfMass } from "../report/anatomy.js";
import { frameOf, renderSlice } from "../report/slices.js";
import type { Position } from "../training/checkpoint.js";
import { prepareOptions } from "../training/config.js";
import { methodEntry } from "../training/method-catalog.js";
import type { ObservedRun, Observer } from "../training/observer.js";
import { mapAxes, type Triple } from "../volume/volume.js";
import { boundaryFeatures, type FeatureSource } from "./boundary-features.js";
import { inEvaluation } from "./evaluation-mode.js";
import { slidingWindow } from "./sliding-window.js";
import type { Split } from "./split-cases.js";

/** Folder of a run that this fills. */
export const VALIDATION_FOLDER = "validation";
const LOG = "log.jsonl";
/** Dice of a case that a network was trained on, below which a class does not count as learned. */
const LEARNED = 0.5;

interface FixedCase {
  readonly split: Split;
  readonly prepared: PreparedCase;
  /** Voxel [D, H, W] that pictures go through: the label's centre, else the middle. */
  readonly centre: Triple;
}

/** A case with what each network makes of it. */
interface Looked extends FixedCase {
  readonly maps: Readonly<Record<string, Uint8Array>>;
}

/** One line of the log. */
export interface ValidationEntry extends Position {
  readonly cases: readonly {
    readonly id: string;
    readonly split: Split;
    /** Mean Dice over the foreground classes, by network; null where the case has no label. */
    readonly dice: Readonly<Record<string, number>> | null;
    /** Pictures beside the log, by network. */
    readonly pictures: Readonly<Record<string, string>>;
  }[];
  /** File beside the log with features near boundaries. */
  readonly features: string;
}

/** The first test cases with a label, the first unlabeled and the first labeled case. */
function choose({ test, unlabeled, labeled }: Dataset, count: number): [Split, CaseFiles][] {
  const scored = test.filter(({ labelPath }) => labelPath !== null).slice(0, count);
  return [
    ...scored.map((files): [Split, CaseFiles] => ["test", files]),
    ...unlabeled.slice(0, 1).map((files): [Split, CaseFiles] => ["unlabeled", files]),
    ...labeled.slice(0, 1).map((files): [Split, CaseFiles] => ["labeled", files]),
  ];
}

/**
 * Watches a training on a few fixed cases: Dice and a picture of what each of the method's networks makes of them, and
 * the student's features near boundaries. Everything goes into the run's `validation` folder, a line of `log.jsonl` each
 * time. It is for looking only: nothing is chosen by it, and it draws no random number, so that the run stays the same.
 */
export async function watchFixedCases(run: ObservedRun): Promise<Observer> {
  const dir = join(run.dir, VALIDATION_FOLDER);
  makeDirectory(dir);
  keepUntil(join(dir, LOG), run.done);
  const cases: FixedCase[] = [];
  for (const [split, files] of choose(run.dataset, run.config.validation.cases)) {
    const prepared = await prepareUnlessBadTest(split, files, run);
    if (!prepared) continue;
    const { shape } = prepared.grid;
    const middle = mapAxes((axis) => Math.floor(shape[axis] / 2));
    const centre = (prepared.label && centreOfMass(prepared.label, shape)) ?? middle;
    cases.push({ split, prepared, centre });
  }
  return {
    look: (method, position) => {
      const { entry, doubt } = noGrad(() => scope(() => lookAt(dir, cases, run, method, position)));
      append(join(dir, LOG), `${JSON.stringify(entry)}\n`);
      return doubt;
    },
  };
}

/** Null for a test case that can't be used: training goes on without it, its evaluation says what is wrong. */
async function prepareUnlessBadTest(split: Split, files: CaseFiles, { config }: ObservedRun) {
  try {
    return await prepareCase(files, prepareOptions(config));
  } catch (error) {
    if (split === "test" && error instanceof PenumbraError && error.code === "bad-input") return null;
    throw error;
  }
}

function append(path: string, line: string): void {
  try {
    appendFileSync(path, line);
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

/** Drops lines past the iteration that a run goes on from, which will be written again, and what a full disk left of one. */
function keepUntil(path: string, done: number): void {
  if (!existsSync(path)) return;
  if (done === 0) {
    rmSync(path);
    return;
  }
  const lines = readTextFile(path, "a log of fixed cases").split("\n").slice(0, -1);
  const kept = lines.filter((line) => totalIn(line) <= done);
  writeText(path, kept.map((line) => `${line}\n`).join(""));
}

/** Iterations over all stages that a line was written after; NaN for a damaged one. */
function totalIn(line: string): number {
  try {
    return Number((parseJson(line) as Partial<Position> | null)?.total);
  } catch {
    return Number.NaN;
  }
}

function lookAt(
  dir: string,
  cases: readonly FixedCase[],
  run: ObservedRun,
  method: Method,
  position: Position,
): { entry: ValidationEntry; doubt: string | null } {
  const networks = method.networks?.() ?? { student: method.network };
  const looked = cases.map(
    (one): Looked => ({ ...one, maps: mapValues(networks, (network) => labelsOf(network, one, run)) }),
  );
  const stem = String(position.total).padStart(7, "0");
  const entries = looked.map((one, i) => entryOf(one, run, (n) => join(dir, `${stem}-${i}-${n}.png`)));
  const features = `${stem}-features.json`;
  const sample = boundaryFeatures(method, looked.flatMap(sourceOf), run);
  writeText(join(dir, features), JSON.stringify({ stage: position.stage, total: position.total, ...sample }));
  const trainedOn = looked.find(({ split }) => split === "labeled");
  const doubt = trainedOn ? doubtOf(trainedOn, Object.values(trainedOn.maps)[0]!, run) : null;
  return { entry: { ...position, cases: entries, features }, doubt };
}

/** A case's Dice by network, and their pictures, the n-th of which goes to `pathOf(n)`. */
function entryOf(
  one: Looked,
  run: ObservedRun,
  pathOf: (n: number) => string,
): ValidationEntry["cases"][number] {
  const { prepared, split, maps } = one;
  const pictures = Object.entries(maps).map(([name, labels], n) => {
    writeWholeFile(pathOf(n), [pictureOf(one, labels)]);
    return [name, basename(pathOf(n))];
  });
  return {
    id: prepared.id,
    split,
    dice: prepared.label && mapValues(maps, (labels) => meanDice(labels, prepared.label!, run)),
    pictures: Object.fromEntries(pictures) as Record<string, string>,
  };
}

/** What features are taken by: a training case's labels, or those of the network that teaches, where there is one. */
function sourceOf({ prepared, split, maps }: Looked): FeatureSource[] {
  if (split === "test") return [];
  const source = split === "labeled" ? "labeled" : "pseudo-labeled";
  return [{ prepared, labels: prepared.label ?? Object.values(maps).at(-1)!, source }];
}

/** Says so where the student does not find a class in a case that it was trained on. */
function doubtOf(
  { prepared }: FixedCase,
  labels: Uint8Array,
  { config, dataset }: ObservedRun,
): string | null {
  const { id, label } = prepared;
  if (!label || !methodEntry(config.method).segments) return null;
  const missed = dataset.classNames.flatMap((name, c) => {
    const dice = c > 0 && label.includes(c) ? overlap(labels, label, c).dice : 1;
    return dice < LEARNED ? [`${name} (Dice ${(100 * dice).toFixed(0)} %)`] : [];
  });
  if (missed.length === 0) return null;
  return `not learned yet: ${missed.join(", ")} in ${id}, a labeled case that this was trained on; train longer, or try a lower model.dropout or a higher optimizer.learningRate`;
}

const mapValues = <T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));

/** Label map of a whole case by a network's mean logits; windows side by side, since it is for looking only. */
function labelsOf(network: SegmentationNetwork, { prepared }: FixedCase, { config, precision }: ObservedRun) {
  const { patchSize } = config.data;
  const window = (patch: Tensor) =>
    withPrecision(precision, config.device, () => network.meanLogits(network.embed(patch)).softmax(1));
  return inEvaluation(network, () =>
    scope(() => {
      const { neighbours } = config.model;
      const options = { patchSize, stride: patchSize, neighbours, device: config.device };
      return mostLikelyClass(slidingWindow(prepared.image, prepared.grid.shape, window, options), 0);
    }).toUint8Array(),
  );
}

function meanDice(labels: Uint8Array, reference: Uint8Array, { config }: ObservedRun): number {
  const count = config.model.classes - 1;
  const values = Array.from({ length: count }, (_, i) => overlap(labels, reference, i + 1).dice);
  return values.reduce((sum, value) => sum + value, 0) / count;
}

function pictureOf({ prepared, centre }: FixedCase, prediction: Uint8Array): Buffer {
  const { id, grid, label } = prepared;
  const image = channelOf(prepared, 0);
  const reference = label ?? new Uint8Array(prediction.length);
  const shown = { id, image, grid, reference, prediction, uncertainty: null };
  const frame = { ...frameOf(shown), box: { start: [0, 0, 0] as const, end: grid.shape } };
  return renderSlice(shown, "axial", centre, "contours", frame).png;
}
