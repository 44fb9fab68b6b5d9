import type { DicomDataset } from "#dist/volume/dicom-encode.js";

const [ROWS, COLUMNS] = [18, 20];

const common: DicomDataset = {
  SOPInstanceUID: "1.2.3.5",
  Modality: "CT",
  PatientName: "Doe^Jane",
  StudyInstanceUID: "1.2.3",
  SeriesInstanceUID: "1.2.4",
  FrameOfReferenceUID: "1.2.3.4",
  Rows: ROWS,
  Columns: COLUMNS,
  SamplesPerPixel: 1,
  PhotometricInterpretation: "MONOCHROME2",
  BitsAllocated: 16,
  BitsStored: 12,
  HighBit: 11,
  PixelRepresentation: 0,
};

const pixels = (frames: number) =>
  new Uint8Array(Uint16Array.from({ length: frames * ROWS * COLUMNS }, (_, i) => i % 5).buffer);

/** A slice of a series, whose voxels may be labels as well. */
export const oneSlice = (slice: number): DicomDataset => ({
  ...common,
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
  InstanceNumber: String(slice + 1),
  ImagePositionPatient: [0, 0, 2 * slice],
  ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
  PixelSpacing: [0.75, 0.5],
  SliceThickness: 2,
  RescaleSlope: 1,
  RescaleIntercept: 0,
  PixelData: pixels(1),
});

/** The same as one file of several frames. */
export const multiFrame = (frames: number): DicomDataset => ({
  ...common,
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
  NumberOfFrames: frames,
  SharedFunctionalGroupsSequence: [
    {
      PlaneOrientationSequence: [{ ImageOrientationPatient: [1, 0, 0, 0, 1, 0] }],
      PixelMeasuresSequence: [{ PixelSpacing: [0.75, 0.5], SliceThickness: 2 }],
      PixelValueTransformationSequence: [{ RescaleSlope: 1, RescaleIntercept: 0 }],
    },
  ],
  PerFrameFunctionalGroupsSequence: Array.from({ length: frames }, (_, i) => ({
    PlanePositionSequence: [{ ImagePositionPatient: [0, 0, 2 * i] }],
  })),
  PixelData: pixels(frames),
});
