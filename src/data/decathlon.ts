import { readdir, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { badInput } from "../errors.js";
import { readTextFile } from "../files/text-file.js";
import type { CaseFiles, Cases } from "./dataset.js";
import { type DatasetJson, type ListedCase, parseDatasetJson } from "./dataset-json.js";

const FOLDERS = {
  training: { images: "imagesTr", labels: "labelsTr" },
  test: { images: "imagesTs", labels: "labelsTs" },
} as const;
type Part = keyof typeof FOLDERS;

const ENDINGS = [
  ...[".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img"],
  ...[".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".h5", ".png", ".tiff", ".tif"],
];

/** nnU-Net's mark of an image's first channel. */
const CHANNEL = "_0000";

const exists = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null))?.isFile() ?? false;

/** An image may be a folder: a DICOM series. */
const imageExists = async (path: string): Promise<boolean> => (await stat(path).catch(() => null)) !== null;

/** A path of the data folder; bad input when it leads out of it. */
function within(dir: string, path: string): string {
  const full = resolve(dir, path);
  const inside = relative(dir, full);
  if (inside !== "" && inside !== ".." && !inside.startsWith(`..${sep}`) && resolve(dir, inside) === full)
    return full;
  throw badInput(
    `${join(dir, "dataset.json")}: ${JSON.stringify(path)} leads out of the data folder; expected a path inside it`,
  );
}

/** File name without its ending and nnU-Net's channel mark: la_003_0000.nii.gz -> la_003. */
function caseId(path: string, ending: string): string {
  const name = basename(path);
  const ends = [ending, ...ENDINGS];
  const end = ends.find((candidate) => name.endsWith(candidate)) ?? "";
  const stem = name.slice(0, name.length - end.length);
  return stem.endsWith(CHANNEL) ? stem.slice(0, -CHANNEL.length) : stem;
}

/** The image as listed, or with nnU-Net 1's channel mark, which its lists leave out. */
async function findImage(dir: string, listed: string, ending: string): Promise<string> {
  const path = within(dir, listed);
  if (await imageExists(path)) return path;
  const marked = path.endsWith(ending) ? `${path.slice(0, -ending.length)}${CHANNEL}${ending}` : path;
  if (await exists(marked)) return marked;
  throw badInput(`${path}: image is listed in ${join(dir, "dataset.json")} but missing`);
}

/** nnU-Net 2 lists nothing: every <case>_0000<ending> of the images folder is a case. */
async function listFolder(dir: string, part: Part, ending: string): Promise<ListedCase[]> {
  const folder = FOLDERS[part].images;
  const names = await readdir(join(dir, folder)).catch(() => [] as string[]);
  const marked = names.filter((name) => name.endsWith(ending) && !name.startsWith(".")).sort();
  const other = marked.find(
    (name) => /_\d{4}$/.test(name.slice(0, -ending.length)) && !name.endsWith(CHANNEL + ending),
  );
  if (other) throw badInput(`${join(dir, folder, other)}: a second channel; expected images of one channel`);
  return marked.map((name) => ({ image: join(folder, name), label: null }));
}

async function filesOf(dir: string, listed: ListedCase, part: Part, json: DatasetJson): Promise<CaseFiles> {
  const imagePath = await findImage(dir, listed.image, json.fileEnding);
  const id = caseId(imagePath, json.fileEnding);
  const bySameName = [`${id}${json.fileEnding}`, basename(imagePath)].map((name) =>
    join(FOLDERS[part].labels, name),
  );
  const looksForLabels = part === "test" || json.training === null;
  const candidates = listed.label ? [listed.label] : looksForLabels ? bySameName : [];
  for (const candidate of candidates) {
    const labelPath = within(dir, candidate);
    if (await exists(labelPath)) return { id, imagePath, labelPath };
  }
  return { id, imagePath, labelPath: null };
}

function checkDistinct(cases: readonly CaseFiles[]): void {
  const seen = new Map<string, string>();
  for (const { id, imagePath } of cases) {
    const before = seen.get(id);
    if (before) throw badInput(`${imagePath}: has the same case name as ${before}; expected each case once`);
    seen.set(id, imagePath);
  }
}

/**
 * Reads a folder in the Decathlon's or nnU-Net's layout. A training image whose label isn't listed or isn't there is
 * unlabeled; a test image's label is looked for in labelsTs by its name. Bad input: dataset.json is wrong, an image
 * is missing or lies outside the folder, a case comes twice, there is no training image.
 */
export async function readDecathlon(dir: string): Promise<Cases> {
  const file = join(dir, "dataset.json");
  const json = parseDatasetJson(readTextFile(file, "the list of a data folder"), file);
  const casesOf = async (part: Part) => {
    const entries = json[part] ?? (await listFolder(dir, part, json.fileEnding));
    return Promise.all(entries.map((entry) => filesOf(dir, entry, part, json)));
  };
  const [training, test] = [await casesOf("training"), await casesOf("test")];
  checkDistinct([...training, ...test]);
  if (training.length === 0)
    throw badInput(`${file}: no training image listed or in ${join(dir, "imagesTr")}`);
  const { classNames, modality } = json;
  return { layout: "decathlon", classNames, modality, training, test };
}
