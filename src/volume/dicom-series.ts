import { basename } from "node:path";
import { badInput } from "../errors.js";
import { type DicomFile, isDicom, openDicomFile, readingAttributes } from "./dicom-file.js";
import { type DicomFrame, framesOf } from "./dicom-frame.js";
import { imageOfFrames } from "./dicom-image.js";
import { filesIn } from "./folder-files.js";
import { openStored, readRaw } from "./stored-file.js";
import type { StoredImage } from "./stored-image.js";

/** Objects that go with images and are none; media directories. */
const NO_IMAGES = new Set(["SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "SR", "PR", "KO", "REG"]);
const MEDIA_DIRECTORY = "1.2.840.10008.1.3.10";
const MARKED_BYTES = 132;

const textOf = (file: DicomFile, tag: string): string =>
  readingAttributes(file, () => file.attributes.string(tag) ?? "");
const modalityOf = (file: DicomFile): string => textOf(file, "x00080060");
const seriesOf = (file: DicomFile): string => textOf(file, "x0020000e") || "unknown";

/** The DICOM files of a folder, by name; others are passed over. Bad input: a damaged one. */
async function dicomFiles(dir: string): Promise<DicomFile[]> {
  const files: DicomFile[] = [];
  for (const path of await filesIn(dir)) {
    if (!isDicom(await readRaw(await openStored(path), 0, MARKED_BYTES))) continue;
    const file = await openDicomFile(path);
    if (textOf(file, "x00020002") !== MEDIA_DIRECTORY) files.push(file);
  }
  return files;
}

function bySeries(files: readonly DicomFile[]): DicomFile[][] {
  const series = new Map<string, DicomFile[]>();
  for (const file of files) series.set(seriesOf(file), [...(series.get(seriesOf(file)) ?? []), file]);
  return [...series.values()];
}

/** The one series of images in a folder. Bad input: none, or several, named by their files: identifiers tell of patients. */
function oneSeries(files: readonly DicomFile[], dir: string): DicomFile[] {
  const series = bySeries(files);
  if (series.length === 1) return series[0]!;
  if (series.length === 0) {
    throw badInput(
      `${dir}: a folder without DICOM images; expected a file, or a folder of one DICOM series (its files, not folders of them)`,
    );
  }
  const said = series.map(
    (members) =>
      `${members.length} file${members.length === 1 ? "" : "s"} like ${basename(members[0]!.path)} (${modalityOf(members[0]!)})`,
  );
  throw badInput(
    `${dir}: holds ${series.length} DICOM series: ${said.join(", ")}; put each in a folder of its own`,
  );
}

/** Opens a folder that holds one DICOM series. */
export async function openSeries(
  dir: string,
): Promise<{ image: StoredImage; frames: readonly DicomFrame[] }> {
  const all = await dicomFiles(dir);
  const images = all.filter((file) => !NO_IMAGES.has(modalityOf(file)));
  const files = oneSeries(images, dir);
  const others = all.filter((file) => !images.includes(file)).map(modalityOf);
  const odd = others.length > 0 ? [`passed over: ${[...new Set(others)].join(", ")}`] : [];
  return imageOfFrames(files.flatMap(framesOf), dir, "DICOM series", odd);
}

export const openDicomSeries = async (dir: string): Promise<StoredImage> => (await openSeries(dir)).image;
