import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { badInput, shortList } from "../errors.js";
import { readTextFile } from "../files/text-file.js";
import { ifThere, namesIfThere } from "../files/there.js";
import type { CaseFiles, Cases } from "./dataset.js";
import { type DatasetJson, type ListedCase, parseDatasetJson } from "./dataset-json.js";
import { imagePathsOf } from "./image-paths.js";
import { checkDistinct, isInside } from "./inside.js";

const FOLDERS = {
  training: { images: "imagesTr", labels: "labelsTr" },
  test: { images: "imagesTs", labels: "labelsTs" },
} as const;
type Part = keyof typeof FOLDERS;
const PARTS = ["training", "test"] as const;
type Found = Readonly<Record<Part, readonly CaseFiles[]>>;

const ENDINGS = [
  ...[".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img"],
  ...[".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".h5", ".png", ".tiff", ".tif"],
];

/** nnU-Net's mark of a channel, from 0: _0000. */
const CHANNEL = /_(\d{4})$/;
export const channelMark = (channel: number): string => `_${String(channel).padStart(4, "0")}`;

const exists = async (path: string): Promise<boolean> => (await ifThere(path, stat))?.isFile() ?? false;

/** Whatever the case: .NII.GZ is .nii.gz. */
const endsIn = (path: string, ending: string): boolean => path.toLowerCase().endsWith(ending.toLowerCase());

/** The ending by which a file is known, as it is spelled; "" where it has none. */
function endingOf(name: string, expected = ".nii.gz"): string {
  const length = [expected, ...ENDINGS].find((ending) => endsIn(name, ending))?.length ?? 0;
  return name.slice(name.length - length);
}

/** One name for all ways to compose its accents (NFC, NFD) and to spell its ending. */
function spelled(name: string): string {
  const ending = endingOf(name);
  return `${name.slice(0, name.length - ending.length)}${ending.toLowerCase()}`.normalize("NFC");
}

/** Paths as folders spell them: lists and file systems may compose accents in different ways, endings be in capitals. */
class Spelling {
  readonly #folders = new Map<string, Promise<ReadonlyMap<string, string>>>();

  /** The path itself where something is there, or nothing of its name in another spelling. */
  async of(path: string): Promise<string> {
    if (await imageExists(path)) return path;
    const folder = dirname(path);
    if (!this.#folders.has(folder)) this.#folders.set(folder, namesIn(folder));
    const name = (await this.#folders.get(folder)!).get(spelled(basename(path)));
    return name ? join(folder, name) : path;
  }
}

/** A folder's names by the one that stands for all spellings. */
async function namesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = await namesIfThere(folder);
  return new Map(names.map((name) => [spelled(name), name]));
}

/** An image may be a folder: a DICOM series. */
const imageExists = async (path: string): Promise<boolean> => (await ifThere(path, stat)) !== null;

/** A path of the data folder; bad input when it leads out of it. */
function within(dir: string, path: string): string {
  const full = resolve(dir, path);
  if (full !== resolve(dir) && isInside(resolve(dir), full)) return full;
  throw badInput(
    `${join(dir, "dataset.json")}: ${JSON.stringify(path)} leads out of the data folder; expected a path inside it`,
  );
}

/** File name without its ending and nnU-Net's mark of the first channel: la_003_0000.nii.gz -> la_003. */
function caseId(path: string, ending: string): string {
  const name = basename(path);
  const stem = name.slice(0, name.length - endingOf(name, ending).length);
  return stem.endsWith(channelMark(0)) ? stem.slice(0, -channelMark(0).length) : stem;
}

/** The image as listed, or with nnU-Net 1's channel mark, which its lists leave out. */
async function findImage(dir: string, listed: string, ending: string, spelling: Spelling): Promise<string> {
  const path = await spelling.of(within(dir, listed));
  if (await imageExists(path)) return path;
  const marked = endsIn(path, ending)
    ? await spelling.of(`${path.slice(0, -ending.length)}${channelMark(0)}${ending}`)
    : path;
  if (await exists(marked)) return marked;
  throw badInput(`${path}: image is listed in ${join(dir, "dataset.json")} but missing`);
}

/** Files of the second and further channels beside a first one that is marked; none where it holds all. */
async function otherChannels(first: string, { json, spelling }: Search): Promise<string[]> {
  const { channelNames, fileEnding } = json;
  const marked = `${channelMark(0)}${fileEnding}`;
  if (channelNames.length < 2 || !endsIn(first, marked)) return [];
  const stem = first.slice(0, -marked.length);
  const paths = await Promise.all(
    channelNames.map((_, i) => spelling.of(`${stem}${channelMark(i)}${fileEnding}`)),
  );
  for (const [i, path] of paths.entries()) {
    if (await exists(path)) continue;
    throw badInput(
      `${path}: channel ${i} (${channelNames[i]}) of ${basename(first)} is missing; dataset.json names ${channelNames.length} channels`,
    );
  }
  return paths.slice(1);
}

async function imagesIn(folder: string, { fileEnding }: DatasetJson): Promise<string[]> {
  const names = await namesIfThere(folder);
  return names.filter((name) => endsIn(name, fileEnding) && !name.startsWith("."));
}

/** nnU-Net's number of a file's channel, 0 where it has no mark. */
const channelOf = (name: string, { fileEnding }: DatasetJson): number =>
  Number(CHANNEL.exec(name.slice(0, -fileEnding.length))?.[1] ?? 0);

/** nnU-Net 2 lists nothing: every <case>_0000<ending> of the images folder is a case. */
async function listFolder(dir: string, part: Part, json: DatasetJson): Promise<ListedCase[]> {
  const folder = FOLDERS[part].images;
  const found = (await imagesIn(join(dir, folder), json)).sort();
  const most = Math.max(1, json.channelNames.length);
  const surplus = found.find((name) => channelOf(name, json) >= most);
  if (surplus) {
    const named = most === 1 ? "one channel" : `${most} channels (${json.channelNames.join(", ")})`;
    throw badInput(
      `${join(dir, folder, surplus)}: is channel ${channelOf(surplus, json)} of its case; dataset.json names ${named}: name the others, or if ${channelMark(channelOf(surplus, json))} is a case's number, put ${channelMark(0)} after it`,
    );
  }
  return found
    .filter((name) => channelOf(name, json) === 0)
    .map((name) => ({ image: join(folder, name), label: null }));
}

/** What all cases of a data folder are found by. */
interface Search {
  readonly dir: string;
  readonly json: DatasetJson;
  readonly spelling: Spelling;
}

/** Whether labels that no list names are found by their images' names. */
const looksForLabels = (part: Part, json: DatasetJson): boolean => part === "test" || json.training === null;

async function filesOf(listed: ListedCase, part: Part, search: Search): Promise<CaseFiles> {
  const { dir, json, spelling } = search;
  const imagePath = await findImage(dir, listed.image, json.fileEnding, spelling);
  const id = caseId(imagePath, json.fileEnding);
  const others = await otherChannels(imagePath, search);
  const image = { id, imagePath, ...(others.length > 0 && { otherChannels: others }) };
  const bySameName = [`${id}${json.fileEnding}`, basename(imagePath)].map((name) =>
    join(FOLDERS[part].labels, name),
  );
  const candidates = listed.label ? [listed.label] : looksForLabels(part, json) ? bySameName : [];
  for (const candidate of candidates) {
    const labelPath = await spelling.of(within(dir, candidate));
    if (await exists(labelPath)) return { ...image, labelPath };
  }
  return { ...image, labelPath: null };
}

/** Where lists and files of a folder don't agree. */
async function remarksOn(dir: string, json: DatasetJson, found: Found): Promise<string[]> {
  const unused = await Promise.all(
    PARTS.flatMap((part) => [
      unlistedImages(dir, json, part, found),
      otherEndings(dir, json, part, found[part]),
    ]),
  );
  return [...missingLabels(dir, json, found), ...unused.flat()];
}

/** Images and labels whose ending is another than that by which they are found, and that no case uses. */
async function otherEndings(
  dir: string,
  json: DatasetJson,
  part: Part,
  cases: readonly CaseFiles[],
): Promise<string[]> {
  const { fileEnding } = json;
  const stemOf = (path: string) => asOneName(path.slice(0, path.length - endingOf(path, fileEnding).length));
  const used = cases.flatMap((files) => [...imagePathsOf(files), files.labelPath ?? []].flat());
  const stems = new Set(used.map(stemOf)); // of .hdr and .img one is named
  const among = async (kind: "images" | "labels") => {
    const folder = join(dir, FOLDERS[part][kind]);
    const names = (await namesIfThere(folder)).sort().filter((name) => {
      const isOther = endingOf(name, fileEnding) !== "" && !endsIn(name, fileEnding) && !name.startsWith(".");
      return isOther && !stems.has(stemOf(join(folder, name)));
    });
    const are = names.length === 1 ? "1 file does" : `${names.length} files do`;
    const remark = `${folder}: ${are} not end in ${fileEnding}, the file_ending of dataset.json, and so not count (${shortList(names)}); convert them, or set "file_ending" to theirs`;
    return names.length > 0 ? [remark] : [];
  };
  return [
    ...(json[part] ? [] : await among("images")),
    ...(looksForLabels(part, json) ? await among("labels") : []),
  ];
}

function missingLabels(dir: string, json: DatasetJson, found: Found): string[] {
  const missing = PARTS.flatMap((part) =>
    (json[part] ?? []).flatMap(({ label }, i) => (label && !found[part][i]!.labelPath ? [label] : [])),
  );
  if (missing.length === 0) return [];
  const what = missing.length === 1 ? "1 listed label is" : `${missing.length} listed labels are`;
  return [
    `${join(dir, "dataset.json")}: ${what} not there (${missing[0]}), so these cases count as unlabeled; put them back or repair the list`,
  ];
}

/** First channels in a part's folder that no list names; nothing where there is no list. */
async function unlistedImages(dir: string, json: DatasetJson, part: Part, found: Found): Promise<string[]> {
  if (!json[part]) return [];
  const folder = join(dir, FOLDERS[part].images);
  const all = PARTS.flatMap((one) => found[one]);
  const used = new Set(all.map(({ imagePath }) => asOneName(imagePath)));
  const left = (await imagesIn(folder, json))
    .filter((name) => channelOf(name, json) === 0 && !used.has(asOneName(join(folder, name))))
    .sort();
  const ids = new Set(all.map(({ id }) => asOneName(id)));
  const isTwin = (name: string) => ids.has(asOneName(caseId(name, json.fileEnding)));
  const [twins, others] = [left.filter(isTwin), left.filter((name) => !isTwin(name))];
  const unlisted = (names: readonly string[], advice: string) =>
    names.length === 0
      ? []
      : [
          `${folder}: ${names.length === 1 ? "1 image is" : `${names.length} images are`} not listed in dataset.json and so not used; ${advice}`,
        ];
  return [
    ...unlisted(twins, `cases of the same names are listed (${shortList(twins)}): take these images away`),
    ...unlisted(others, `list them under "${part}", as {"image": "./${FOLDERS[part].images}/${others[0]}"}`),
  ];
}

/** File systems that know no case, or spell letters in their own way, find a file by another name than they list. */
const asOneName = (path: string): string => path.normalize("NFC").toLowerCase();

/**
 * Reads a folder in the Decathlon's or nnU-Net's layout. A training image whose label isn't listed or isn't there is
 * unlabeled; a test image's label is looked for in labelsTs by its name. Several channels lie in one file (the
 * Decathlon's way) or in a file each, `<case>_0000`, `<case>_0001` … (nnU-Net's). Bad input: dataset.json is wrong, an
 * image or a channel is missing or lies outside the folder, a case comes twice, there is no training image.
 */
export async function readDecathlon(dir: string): Promise<Cases> {
  const file = join(dir, "dataset.json");
  const json = parseDatasetJson(readTextFile(file, "the list of a data folder"), file);
  const search = { dir, json, spelling: new Spelling() };
  const casesOf = async (part: Part) => {
    const entries = json[part] ?? (await listFolder(dir, part, json));
    return Promise.all(entries.map((entry) => filesOf(entry, part, search)));
  };
  const [training, test] = [await casesOf("training"), await casesOf("test")];
  checkDistinct([...training, ...test]);
  const { classNames, channelNames, fileEnding } = json;
  const remarks = await remarksOn(dir, json, { training, test });
  if (training.length === 0) {
    const none = `${file}: no training image listed or in ${join(dir, "imagesTr")} with the file_ending ${fileEnding}`;
    throw badInput([none, ...remarks].join("; "));
  }
  const isNamed = channelNames.length > 0;
  return {
    layout: "decathlon",
    classNames,
    modality: isNamed ? channelNames.join(", ") : null,
    channelNames: isNamed ? channelNames : ["image"],
    training,
    test,
    remarks,
  };
}
