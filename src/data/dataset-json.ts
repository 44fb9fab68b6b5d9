import { z } from "zod";
import { badInput, isShowable } from "../errors.js";
import { parseJson } from "../files/json.js";

const listed = z.union([z.string(), z.object({ image: z.string(), label: z.string().nullish() })]);

const numbered = z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]);

/** The Medical Segmentation Decathlon's dataset.json and nnU-Net's two versions of it; other keys are let be. */
const schema = z.object({
  labels: z.record(z.string(), z.unknown()),
  modality: numbered.optional(),
  channel_names: numbered.optional(),
  file_ending: z.string().startsWith(".").optional(),
  training: z.array(listed).optional(),
  test: z.array(listed).optional(),
});

/** A case as a list names it, paths relative to the data folder. */
export interface ListedCase {
  readonly image: string;
  readonly label: string | null;
}

/** dataset.json, checked. Lists are null where the file has none, which is how nnU-Net 2 leaves it. */
export interface DatasetJson {
  readonly classNames: readonly string[];
  readonly fileEnding: string;
  /** The channels' names in their order, such as "CT"; none where the file names none, which is one channel. */
  readonly channelNames: readonly string[];
  readonly training: readonly ListedCase[] | null;
  readonly test: readonly ListedCase[] | null;
}

/** nnU-Net 2's regions: classes of several numbers, each voxel in as many as hold its number. */
function refuseRegions(labels: Record<string, unknown>, file: string): void {
  const region = Object.entries(labels).find(([, value]) => Array.isArray(value));
  if (!region) return;
  throw badInput(
    `${file}: labels has nnU-Net's regions (${JSON.stringify(region[0])}: ${JSON.stringify(region[1])}), which are not supported; name each number that label maps hold by itself, such as {"background": 0, "edema": 1, "core": 2}`,
  );
}

/** nnU-Net 2's voxels that take no part in the loss, which training here would learn as a structure. */
function refuseIgnored(labels: Record<string, unknown>, file: string): void {
  if (typeof labels.ignore !== "number") return;
  throw badInput(
    `${file}: labels has nnU-Net's "ignore"; voxels left out of the loss are not supported: remove that label, and leave out the cases that hold ${labels.ignore} or relabel those voxels`,
  );
}

const isNumber = (value: unknown) => typeof value === "string" && /^\d+$/.test(value);

/** Scores and results are kept by class name: two of one name would become one. */
function checkNames(names: string[], file: string): string[] {
  const odd = names.find((name, i) => !isShowable(name) || names.indexOf(name) !== i);
  if (odd === undefined) return names;
  const what = isShowable(odd) ? "two classes have that name" : "it is empty or has control characters";
  throw badInput(
    `${file}: labels names a class ${JSON.stringify(odd)}: ${what}; expected a name of its own for each class`,
  );
}

/** {"0": "background", "1": "liver"} or {"background": 0, "liver": 1}, also with "1" -> names by class number. */
function classNamesOf(labels: Record<string, unknown>, file: string): string[] {
  const pairs = Object.entries(labels).map(([key, value]): [number, string] => {
    if (typeof value === "number" || (isNumber(value) && !isNumber(key))) return [Number(value), key];
    return typeof value === "string" ? [Number(key), value] : [Number.NaN, key];
  });
  const names: string[] = [];
  for (const [number, name] of pairs) names[number] = name;
  const complete =
    pairs.length >= 2 && pairs.every(([number], i) => names[i] !== undefined && Number.isInteger(number));
  if (complete && names.length === pairs.length && names.length <= 256) return checkNames(names, file);
  throw badInput(
    `${file}: labels are ${JSON.stringify(labels)}; expected classes numbered 0 (background), 1, 2 … without a gap, such as {"0": "background", "1": "liver"}`,
  );
}

/** {"0": "T1", "1": "T2"} or ["T1", "T2"] -> names by channel. */
function channelNamesOf(given: Record<string, unknown> | unknown[], file: string): string[] {
  const channels: Record<string, unknown> = { ...given };
  const names = Object.keys(channels).map((_, i) => channels[String(i)]);
  if (names.every((name) => typeof name === "string" && isShowable(name))) return names as string[];
  throw badInput(
    `${file}: channels are ${JSON.stringify(given)}; expected names numbered 0, 1, 2 … without a gap, none empty or with control characters, such as {"0": "T1", "1": "T2"}`,
  );
}

const toListed = (entry: z.infer<typeof listed>): ListedCase =>
  typeof entry === "string"
    ? { image: entry, label: null }
    : { image: entry.image, label: entry.label || null };

/** Reads dataset.json's text. Bad input, naming `file`: not JSON, a key of the wrong kind, classes or channels with gaps. */
export function parseDatasetJson(text: string, file: string): DatasetJson {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw badInput(`${file}: not valid JSON (${(cause as Error).message})`, cause);
  }
  const { success, data, error } = schema.safeParse(json);
  if (!success) {
    const [issue] = error.issues;
    throw badInput(
      `${file}: ${issue?.path.join(".") || "the whole"}: ${issue?.message}; expected the Decathlon's or nnU-Net's layout`,
    );
  }
  refuseIgnored(data.labels, file);
  refuseRegions(data.labels, file);
  return {
    classNames: classNamesOf(data.labels, file),
    channelNames: channelNamesOf(data.channel_names ?? data.modality ?? {}, file),
    fileEnding: data.file_ending ?? ".nii.gz",
    training: data.training?.length ? data.training.map(toListed) : null, // an empty list hides no folder
    test: data.test?.map(toListed) ?? null,
  };
}
