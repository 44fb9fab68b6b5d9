import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DicomDataset, encodeFile, newUid } from "./dicom-encode.js";

const CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2";
const ENHANCED_CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2.1";

export const [ROWS, COLUMNS, SLICES] = [20, 16, 5];
/** Stored value of a pixel: tells slice, row and column. */
export const storedValue = (slice: number, row: number, column: number): number =>
  slice * 1000 + row * 30 + column - 1500;

export function pixelsOf(slice: number): Int16Array {
  return Int16Array.from({ length: ROWS * COLUMNS }, (_, i) =>
    storedValue(slice, Math.floor(i / COLUMNS), i % COLUMNS),
  );
}
export const bytesOf = (pixels: Int16Array): Uint8Array => new Uint8Array(pixels.buffer);

export interface SeriesOptions {
  readonly slices?: number;
  readonly orientation?: readonly number[];
  /** From one slice to the next, in mm. */
  readonly step?: readonly number[];
  readonly seriesUid?: string;
  readonly prefix?: string;
  /** Changes one slice's attributes. */
  readonly change?: (slice: number, dataset: DicomDataset) => DicomDataset;
}

const AXIAL = [1, 0, 0, 0, 1, 0];
const ORIGIN = [-10, 20, 5];
const STEP = [0, 0, 2.5];

const common = (seriesUid: string): DicomDataset => ({
  SOPInstanceUID: newUid(),
  Modality: "CT",
  PatientName: "Doe^Jane",
  PatientID: "SECRET-42",
  StudyInstanceUID: "1.2.3",
  SeriesInstanceUID: seriesUid,
  FrameOfReferenceUID: "1.2.3.4",
  Rows: ROWS,
  Columns: COLUMNS,
  SamplesPerPixel: 1,
  PhotometricInterpretation: "MONOCHROME2",
  BitsAllocated: 16,
  BitsStored: 16,
  HighBit: 15,
  PixelRepresentation: 1,
});

/** Writes a CT series of small slices, file names against the order of their places. Returns the folder. */
export function putSeries(dir: string, options: SeriesOptions = {}): string {
  const { slices = SLICES, orientation = AXIAL, step = STEP, seriesUid = newUid(), prefix = "IM" } = options;
  mkdirSync(dir, { recursive: true });
  for (let slice = 0; slice < slices; slice++) {
    const dataset: DicomDataset = {
      ...common(seriesUid),
      SOPClassUID: CT_STORAGE,
      InstanceNumber: String(slice + 1),
      ImagePositionPatient: ORIGIN.map((value, i) => value + slice * step[i]!),
      ImageOrientationPatient: orientation,
      PixelSpacing: [0.75, 0.5],
      SliceThickness: 2.5,
      RescaleSlope: 2,
      RescaleIntercept: -1024,
      PixelData: bytesOf(pixelsOf(slice)),
    };
    const name = `${prefix}${String(slices - slice).padStart(3, "0")}`;
    writeFileSync(join(dir, name), encodeFile(options.change?.(slice, dataset) ?? dataset));
  }
  return dir;
}

/** Writes the same slices as one multi-frame file, the frames in the order given. */
export function putMultiFrame(path: string, order: readonly number[]): string {
  const dataset: DicomDataset = {
    ...common(newUid()),
    SOPClassUID: ENHANCED_CT_STORAGE,
    NumberOfFrames: order.length,
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [{ ImageOrientationPatient: AXIAL }],
        PixelMeasuresSequence: [{ PixelSpacing: [0.75, 0.5], SliceThickness: 2.5 }],
        PixelValueTransformationSequence: [{ RescaleSlope: 2, RescaleIntercept: -1024 }],
      },
    ],
    PerFrameFunctionalGroupsSequence: order.map((slice) => ({
      PlanePositionSequence: [{ ImagePositionPatient: ORIGIN.map((value, i) => value + slice * STEP[i]!) }],
    })),
    PixelData: Buffer.concat(order.map((slice) => bytesOf(pixelsOf(slice)))),
  };
  writeFileSync(path, encodeFile(dataset));
  return path;
}
