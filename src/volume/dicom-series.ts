import { basename } from "node:path";
import { badInput, shortList } from "../errors.js";
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

/** A file's name whatever numbers are in it: "IM-0001.dcm" and "IM-0002.dcm" are named alike. */
const namingOf = (path: string): string => basename(path).replace(/\d+/g, "#");

/**
 * The DICOM files of a folder, by name, and those passed over that are none. Bad input: a damaged one; one without
 * DICOM's mark whose name says that it is a slice.
 */
async function dicomFiles(dir: string): Promise<{ files: DicomFile[]; others: string[] }> {
  const files: DicomFile[] = [];
  const others: string[] = [];
  for (const path of await filesIn(dir)) {
    if (isDicom(await readRaw(await openStored(path), 0, MARKED_BYTES)))
      files.push(await openDicomFile(path));
    else others.push(path);
  }
  const namings = new Set(files.map(({ path }) => namingOf(path)));
  const slice = others.find((path) => /\.dcm$/i.test(path) || namings.has(namingOf(path)));
  if (slice) {
    const { size } = await openStored(slice);
    throw badInput(
      `${slice}: is named as a slice, but its ${size} bytes are no DICOM file (no DICM behind the first 128): empty, cut short or damaged; copy it anew, or take it out of the folder`,
    );
  }
  return { files: files.filter((file) => textOf(file, "x00020002") !== MEDIA_DIRECTORY), others };
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
  const { files: all, others } = await dicomFiles(dir);
  const images = all.filter((file) => !NO_IMAGES.has(modalityOf(file)));
  const files = oneSeries(images, dir);
  const beside = all.filter((file) => !images.includes(file)).map(modalityOf);
  const noDicom =
    others.length === 1 ? "1 file that is no DICOM" : `${others.length} files that are no DICOM`;
  const odd = [
    ...(beside.length > 0 ? [`passed over: ${[...new Set(beside)].join(", ")}`] : []),
    ...(others.length > 0
      ? [`passed over: ${noDicom} (${shortList(others.map((path) => basename(path)))})`]
      : []),
  ];
  return imageOfFrames(files.flatMap(framesOf), dir, "DICOM series", odd);
}

export const openDicomSeries = async (dir: string): Promise<StoredImage> => (await openSeries(dir)).image;
