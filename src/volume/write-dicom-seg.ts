import type { DataSet } from "dicom-parser";
import { badInput } from "../errors.js";
import { writeWholeFile } from "../files/whole-file.js";
import { packageVersion } from "../version.js";
import { setBit } from "./bits.js";
import { type DicomDataset, encodeFile, newUid } from "./dicom-encode.js";
import type { DicomFrame } from "./dicom-frame.js";
import { segmentCodes } from "./segment-codes.js";

const SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4";
/** Largest value of a fractional pixel: probability 1. */
const MOST = 255;
const UTF8 = "ISO_IR 192";

/** What is written: one class for each voxel, or each foreground class's probabilities, on the source's slices. */
export type Segments =
  | { readonly kind: "BINARY"; readonly labels: Uint8Array }
  | { readonly kind: "FRACTIONAL"; readonly probabilities: readonly Float32Array[] };

export interface SegmentationSource {
  /** Slices of the scan in the order of the volume's D axis. */
  readonly frames: readonly DicomFrame[];
  /** Background first. */
  readonly classNames: readonly string[];
}

/** A frame that is written: the pixels of one segment in one slice. */
interface WrittenFrame {
  readonly segment: number;
  readonly slice: number;
  /** One byte a pixel. */
  readonly pixels: Uint8Array;
}

function pixelsOf(segments: Segments, segment: number, slice: number, size: number): Uint8Array {
  const [from, to] = [slice * size, (slice + 1) * size];
  if (segments.kind === "BINARY")
    return segments.labels.subarray(from, to).map((label) => (label === segment ? 1 : 0));
  return Uint8Array.from(segments.probabilities[segment - 1]!.subarray(from, to), (p) =>
    Math.round(p * MOST),
  );
}

/** Frames that hold something, segment by segment; one empty frame where nothing is found at all. */
function framesToWrite(segments: Segments, { frames, classNames }: SegmentationSource): WrittenFrame[] {
  const { rows, columns } = frames[0]!.layout;
  const written: WrittenFrame[] = [];
  for (let segment = 1; segment < classNames.length; segment++)
    for (let slice = 0; slice < frames.length; slice++) {
      const pixels = pixelsOf(segments, segment, slice, rows * columns);
      if (pixels.some((value) => value !== 0)) written.push({ segment, slice, pixels });
    }
  if (written.length > 0) return written;
  return [{ segment: 1, slice: 0, pixels: new Uint8Array(rows * columns) }];
}

/** Pixels of all frames, eight to a byte, the first in the lowest bit; frames follow without a gap. */
function packBits(frames: readonly WrittenFrame[]): Uint8Array {
  const size = frames[0]!.pixels.length;
  const bytes = new Uint8Array(Math.ceil((frames.length * size) / 8));
  for (const [i, { pixels }] of frames.entries())
    for (let k = 0, bit = i * size; k < size; k++, bit++) setBit(bytes, bit, pixels[k]!);
  return bytes;
}

/** An attribute's bytes as the source has them, empty where it has none. */
function copied(attributes: DataSet, tag: string): Uint8Array {
  const element = attributes.elements[tag];
  if (!element) return new Uint8Array(0);
  return attributes.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
}

/** An identifier, "" where there is none. */
const uid = (attributes: DataSet, tag: string): string => attributes.string(tag) ?? "";
const code = (value: string, scheme: string, meaning: string): DicomDataset[] => [
  { CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning },
];

const isAscii = (bytes: Uint8Array): boolean => bytes.every((byte) => byte < 128);

/**
 * The character set of the written texts: the scan's own where its patient's texts need it (names of classes are then
 * written without marks), else UTF-8 where class names need that, else none.
 */
function characterSet(attributes: DataSet, classNames: readonly string[]): Uint8Array | string | undefined {
  const own = copied(attributes, "x00080005");
  const texts = ["x00100010", "x00100020", "x00080090", "x00080050", "x00200010"];
  if (own.length > 0 && !texts.every((tag) => isAscii(copied(attributes, tag)))) return own;
  return classNames.every((name) => isAscii(Buffer.from(name))) ? undefined : UTF8;
}

/** A class name that any character set holds. */
const plainAscii = (name: string): string =>
  name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^ -~]/g, "?");

/** Patient and study as DICOM wants them repeated: they tie the segmentation to its scan. */
const patientAndStudy = (attributes: DataSet): DicomDataset => ({
  PatientName: copied(attributes, "x00100010"),
  PatientID: copied(attributes, "x00100020"),
  PatientBirthDate: copied(attributes, "x00100030"),
  PatientSex: copied(attributes, "x00100040"),
  StudyInstanceUID: uid(attributes, "x0020000d") || newUid(),
  StudyDate: copied(attributes, "x00080020"),
  StudyTime: copied(attributes, "x00080030"),
  StudyID: copied(attributes, "x00200010"),
  AccessionNumber: copied(attributes, "x00080050"),
  ReferringPhysicianName: copied(attributes, "x00080090"),
  FrameOfReferenceUID: uid(attributes, "x00200052") || newUid(),
  PositionReferenceIndicator: copied(attributes, "x00201040"),
});

function seriesAndEquipment(now: Date): DicomDataset {
  const date = now.toISOString().slice(0, 10).replaceAll("-", "");
  const time = now.toISOString().slice(11, 19).replaceAll(":", "");
  return {
    SOPClassUID: SEGMENTATION_STORAGE,
    SOPInstanceUID: newUid(),
    Modality: "SEG",
    SeriesInstanceUID: newUid(),
    SeriesNumber: "1",
    SeriesDescription: "Segmentation",
    SeriesDate: date,
    SeriesTime: time,
    InstanceNumber: "1",
    ContentDate: date,
    ContentTime: time,
    Manufacturer: "Penumbra",
    ManufacturerModelName: "Penumbra",
    DeviceSerialNumber: "0",
    SoftwareVersions: packageVersion(),
    ContentLabel: "SEGMENTATION",
    ContentDescription: "Automatic segmentation, not for clinical use",
    ContentCreatorName: "",
  };
}

function pixelModule(segments: Segments, frames: readonly WrittenFrame[], source: DicomFrame): DicomDataset {
  const isBinary = segments.kind === "BINARY";
  const bits = isBinary ? 1 : 8;
  return {
    ImageType: "DERIVED\\PRIMARY",
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    NumberOfFrames: frames.length,
    Rows: source.layout.rows,
    Columns: source.layout.columns,
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelRepresentation: 0,
    LossyImageCompression: "00",
    SegmentationType: segments.kind,
    SegmentationFractionalType: isBinary ? undefined : "PROBABILITY",
    MaximumFractionalValue: isBinary ? undefined : MOST,
    PixelData: isBinary ? packBits(frames) : Buffer.concat(frames.map(({ pixels }) => pixels)),
  };
}

const segmentSequence = (classNames: readonly string[]): DicomDataset[] =>
  classNames.slice(1).map((name, i) => {
    const { category, type } = segmentCodes(name);
    return {
      SegmentNumber: i + 1,
      SegmentLabel: name.slice(0, 64),
      SegmentAlgorithmType: "AUTOMATIC",
      SegmentAlgorithmName: "Penumbra",
      SegmentedPropertyCategoryCodeSequence: code(category.value, "SCT", category.meaning),
      SegmentedPropertyTypeCodeSequence: code(type.value, "SCT", type.meaning),
    };
  });

const [SEGMENT_NUMBER, SEGMENT_GROUP] = [0x0062000b, 0x0062000a];
const [POSITION, POSITION_GROUP] = [0x00200032, 0x00209113];

function dimensions(): DicomDataset {
  const organization = newUid();
  const index = (pointer: number, group: number, label: string): DicomDataset => ({
    DimensionOrganizationUID: organization,
    DimensionIndexPointer: [pointer],
    FunctionalGroupPointer: [group],
    DimensionDescriptionLabel: label,
  });
  return {
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: organization }],
    DimensionIndexSequence: [
      index(SEGMENT_NUMBER, SEGMENT_GROUP, "ReferencedSegmentNumber"),
      index(POSITION, POSITION_GROUP, "ImagePositionPatient"),
    ],
  };
}

/** Which image a slice comes from; the frame's number where the source holds several. */
function referenceTo(source: readonly DicomFrame[], slice: number): DicomDataset {
  const { file, number } = source[slice]!;
  return {
    ReferencedSOPClassUID: uid(file.attributes, "x00080016"),
    ReferencedSOPInstanceUID: uid(file.attributes, "x00080018"),
    ReferencedFrameNumber: number === null ? undefined : number,
  };
}

function functionalGroups(
  frames: readonly WrittenFrame[],
  source: readonly DicomFrame[],
  spacingMm: number,
): DicomDataset {
  const first = source[0]!;
  return {
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [{ ImageOrientationPatient: first.orientation! }],
        PixelMeasuresSequence: [
          { PixelSpacing: first.pixelSpacing!, SliceThickness: spacingMm, SpacingBetweenSlices: spacingMm },
        ],
      },
    ],
    PerFrameFunctionalGroupsSequence: frames.map(({ segment, slice }) => ({
      DerivationImageSequence: [
        {
          DerivationCodeSequence: code("113076", "DCM", "Segmentation"),
          SourceImageSequence: [
            {
              ...referenceTo(source, slice),
              PurposeOfReferenceCodeSequence: code(
                "121322",
                "DCM",
                "Source image for image processing operation",
              ),
            },
          ],
        },
      ],
      FrameContentSequence: [{ DimensionIndexValues: [segment, slice + 1] }],
      PlanePositionSequence: [{ ImagePositionPatient: source[slice]!.position! }],
      SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment }],
    })),
  };
}

/** All images of the scan, each once. */
function referencedSeries(source: readonly DicomFrame[]): DicomDataset {
  const slices = new Map(source.map(({ file }, slice) => [file.path, slice]));
  const instances = [...slices.values()].map((slice) => ({
    ...referenceTo(source, slice),
    ReferencedFrameNumber: undefined,
  }));
  const series = uid(source[0]!.file.attributes, "x0020000e");
  return { ReferencedSeriesSequence: [{ SeriesInstanceUID: series, ReferencedInstanceSequence: instances }] };
}

function checkSource({ frames }: SegmentationSource): void {
  const { file, position, orientation, pixelSpacing } = frames[0]!;
  if (position && orientation && pixelSpacing) return;
  throw badInput(
    `${file.path}: says no position, so no DICOM segmentation can refer to it; write NIfTI instead`,
  );
}

/**
 * Writes a DICOM segmentation (PS3.3 A.51) that refers to the scan's images: the same frame of reference, the slices'
 * own positions, frames only where something is. Patient and study are repeated from the scan, as DICOM requires.
 * `spacingMm`: between slices. Bad input: a scan without position, a path that can't be written.
 */
export async function writeSegmentation(
  path: string,
  segments: Segments,
  source: SegmentationSource,
  spacingMm: number,
): Promise<void> {
  checkSource(source);
  const first = source.frames[0]!;
  const frames = framesToWrite(segments, source);
  const { attributes } = first.file;
  const charset = characterSet(attributes, source.classNames);
  const names = charset instanceof Uint8Array ? source.classNames.map(plainAscii) : source.classNames;
  const dataset: DicomDataset = {
    SpecificCharacterSet: charset,
    ...patientAndStudy(attributes),
    ...seriesAndEquipment(new Date()),
    ...pixelModule(segments, frames, first),
    SegmentSequence: segmentSequence(names),
    ...dimensions(),
    ...functionalGroups(frames, source.frames, spacingMm),
    ...referencedSeries(source.frames),
  };
  writeWholeFile(path, [encodeFile(dataset)]);
}
