import { openDataset } from "../data/dataset.js";
import { fingerprintOf } from "../data/fingerprint.js";
import { NO_REPAIR } from "../data/label-repair.js";
import { totalMemory } from "../machine-memory.js";
import { autoSettings, withoutAsked } from "../training/auto-settings.js";
import { DECATHLON } from "../training/presets.js";
import { ABDOMEN } from "./pancreas.js";
import { split } from "./raw-files.js";
import type { RawOptions, RawSet, Recipe } from "./recipe.js";
import { decathlonFolder } from "./unpack.js";

/** Keys that say how patches are drawn, not how cases are prepared, are left to training. */
async function find(raw: string, options: RawOptions): Promise<RawSet> {
  const dataset = await openDataset(await decathlonFolder(raw, options.scratch), {
    allowLinks: options.allowLinks,
  });
  const { cache, workers, testIds, set, signal, onLook } = options;
  const fingerprint = await fingerprintOf(dataset, {
    cache,
    workers,
    onProgress: onLook,
    signal,
  });
  const limits = { device: "cpu", stepBytes: totalMemory() / 2 };
  const { config, settings } = withoutAsked(autoSettings(fingerprint, limits), { set });
  const training = [...dataset.labeled, ...dataset.unlabeled];
  const members = testIds
    ? split([...training, ...dataset.test], testIds, 0)
    : [...split(training, null, 0), ...dataset.test.map((files) => ({ files, part: "test" as const }))];
  return {
    name: "Decathlon task",
    channelNames: dataset.modality === null ? ["unknown"] : dataset.channelNames,
    classNames: dataset.classNames,
    reference: DECATHLON,
    members,
    repair: NO_REPAIR,
    config,
    notes: settings.map(({ key, value, reason }) => `derived: ${key}=${JSON.stringify(value)} (${reason})`),
  };
}

/** Any Decathlon task: resampled and clipped as its fingerprint suggests, nothing cut; the owners' split. */
export const decathlon: Recipe = {
  summary: "any task of the Medical Segmentation Decathlon, .tar or folder, as its fingerprint suggests",
  preset: null,
  find,
};

/** The paper trains on 100 of the 126 labeled cases. */
const COLON_TEST = 26;
const COLON_CASES = 126;

/** Task10's tumors as the paper prepares them; its own test images have no labels and are left out. */
export const colon: Recipe = {
  summary: "Decathlon Task10, colon tumors, .tar or folder, cropped around the label",
  preset: "colon",
  async find(raw, { testIds, scratch, allowLinks }) {
    const dataset = await openDataset(await decathlonFolder(raw, scratch), { allowLinks });
    const forTest = Math.round((dataset.labeled.length * COLON_TEST) / COLON_CASES);
    return {
      name: "Colon tumors",
      channelNames: ["CT"],
      classNames: dataset.classNames,
      reference: DECATHLON,
      members: split(dataset.labeled, testIds, forTest),
      repair: NO_REPAIR,
      config: ABDOMEN,
      notes: testIds
        ? []
        : [`test cases: the last ${forTest} labeled ones by name; others can be named by --test-list`],
    };
  },
};
