/** What the tests read of dcmjs, which has no types of its own. */
declare module "dcmjs" {
  interface Reference {
    readonly ReferencedSOPInstanceUID: string;
    readonly ReferencedFrameNumber?: number;
  }
  interface Segmentation {
    readonly Modality: string;
    readonly SegmentationType: string;
    readonly NumberOfFrames: number;
    readonly MaximumFractionalValue?: number;
    readonly FrameOfReferenceUID: string;
    readonly StudyInstanceUID: string;
    readonly PatientID: string;
    readonly PixelData: readonly ArrayBuffer[];
    readonly SegmentSequence: readonly { readonly SegmentLabel: string }[];
    readonly PerFrameFunctionalGroupsSequence: readonly {
      readonly SegmentIdentificationSequence: readonly { readonly ReferencedSegmentNumber: number }[];
      readonly PlanePositionSequence: readonly { readonly ImagePositionPatient: readonly number[] }[];
      readonly DerivationImageSequence: readonly { readonly SourceImageSequence: readonly Reference[] }[];
    }[];
    readonly ReferencedSeriesSequence: readonly {
      readonly SeriesInstanceUID: string;
      readonly ReferencedInstanceSequence: readonly Reference[];
    }[];
  }
  const dcmjs: {
    readonly log: { setLevel(level: string): void };
    readonly data: {
      readonly DicomMessage: { readFile(buffer: ArrayBuffer): { readonly dict: object } };
      readonly DicomMetaDictionary: { naturalizeDataset(dict: object): Segmentation };
      readonly BitArray: { unpack(bits: ArrayBuffer): Uint8Array };
    };
  };
  export default dcmjs;
}
