import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import dcmjs from "dcmjs";
import { afterAll, describe, expect, it } from "vitest";
import { openDicomFrames } from "./dicom.js";
import { openImage } from "./format.js";
import { COLUMNS, putMultiFrame, putSeries, ROWS, SLICES } from "./made-up-dicom.testing.js";
import { readLabelMap, readVolume } from "./read.js";
import { writeSegmentation } from "./write-dicom-seg.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-seg-"));
afterAll(() => rmSync(dir, { recursive: true }));
const scan = putSeries(join(dir, "scan"), { seriesUid: "1.2.55" });
const SIZE = ROWS * COLUMNS;
const CLASSES = ["background", "left atrium", "Läsion"];
/** Class 1 in slices 1 to 3, class 2 in slice 3. */
const LABELS = Uint8Array.from({ length: SLICES * SIZE }, (_, i) => {
  const slice = Math.floor(i / SIZE);
  if (slice === 3 && i % 7 === 0) return 2;
  return slice > 0 && slice < 4 && i % 3 === 0 ? 1 : 0;
});

/** The independent reader: dcmjs, as viewers of the field use it. */
function readWithDcmjs(path: string) {
  dcmjs.log.setLevel("silent");
  const bytes = readFileSync(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const file = dcmjs.data.DicomMessage.readFile(buffer as ArrayBuffer);
  return dcmjs.data.DicomMetaDictionary.naturalizeDataset(file.dict);
}

describe("a DICOM segmentation", () => {
  it("is written on the scan's slices and read back to the same labels", async () => {
    const { grid } = await readVolume(scan);
    const path = join(dir, "labels.dcm");
    await writeSegmentation(
      path,
      { kind: "BINARY", labels: LABELS },
      { frames: await openDicomFrames(scan), classNames: CLASSES },
      2.5,
    );
    const onto = await readLabelMap(path, grid);
    expect(onto.grid.affine).toEqual(grid.affine);
    expect(onto.data).toEqual(LABELS);
    const own = await readLabelMap(path); // from the first slice that holds something to the last
    expect(own.grid.shape).toEqual([3, ROWS, COLUMNS]);
    expect(own.grid.affine!.filter((_, i) => i % 4 === 3)).toEqual([10, -20, 7.5, 1]);
    expect(own.data).toEqual(LABELS.slice(SIZE, 4 * SIZE));
    expect((await openImage(path)).odd[0]).toContain("1 is left atrium");
  });

  it("takes its slices' distance from their places where its header says another, as a thickness is", async () => {
    const apart = putSeries(join(dir, "apart"), { step: [0, 0, 3.3] });
    const path = join(dir, "apart.dcm");
    const source = { frames: await openDicomFrames(apart), classNames: CLASSES };
    await writeSegmentation(path, { kind: "BINARY", labels: LABELS }, source, 3);
    const { grid, data } = await readLabelMap(path);
    expect(grid.spacingMm![0]).toBeCloseTo(3.3, 6);
    expect(data).toEqual(LABELS.slice(SIZE, 4 * SIZE));
    const thin = putSeries(join(dir, "thin"), { step: [0, 0, 0.94] }); // said as 1: every second slice still lies nearest
    const said = join(dir, "thin.dcm");
    const whole = Uint8Array.from(LABELS, (_, i) => (i % 3 === 0 ? 1 : 0));
    const thinSource = { frames: await openDicomFrames(thin), classNames: CLASSES };
    await writeSegmentation(said, { kind: "BINARY", labels: whole }, thinSource, 1);
    expect((await readLabelMap(said)).data).toEqual(whole);
  });

  it("holds what dcmjs reads: bits, segments and the references to the scan", async () => {
    const seg = readWithDcmjs(join(dir, "labels.dcm"));
    expect([seg.Modality, seg.SegmentationType, seg.NumberOfFrames]).toEqual(["SEG", "BINARY", 4]);
    expect([seg.FrameOfReferenceUID, seg.StudyInstanceUID]).toEqual(["1.2.3.4", "1.2.3"]);
    expect(seg.PatientID).toBe("SECRET-42");
    // dcmjs leaves texts inside sequences undecoded
    const labelsOf = seg.SegmentSequence.map(({ SegmentLabel }) =>
      Buffer.from(SegmentLabel, "latin1").toString(),
    );
    expect(labelsOf).toEqual(CLASSES.slice(1));
    const bits: Uint8Array = dcmjs.data.BitArray.unpack(seg.PixelData[0]!);
    const labels = new Uint8Array(LABELS.length);
    const named = new Set<string>();
    seg.PerFrameFunctionalGroupsSequence.forEach((frame, i) => {
      const segment = frame.SegmentIdentificationSequence[0]!.ReferencedSegmentNumber;
      const slice = (frame.PlanePositionSequence[0]!.ImagePositionPatient[2]! - 5) / 2.5;
      for (let k = 0; k < SIZE; k++) if (bits[i * SIZE + k]) labels[slice * SIZE + k] = segment;
      named.add(frame.DerivationImageSequence[0]!.SourceImageSequence[0]!.ReferencedSOPInstanceUID);
    });
    expect(labels).toEqual(LABELS);
    const source = (await openDicomFrames(scan)).map(({ file }) => file.attributes.string("x00080018")!);
    expect([...named].sort()).toEqual(source.slice(1, 4).sort());
    const [series] = seg.ReferencedSeriesSequence;
    expect(series!.SeriesInstanceUID).toBe("1.2.55");
    expect(series!.ReferencedInstanceSequence.map((item) => item.ReferencedSOPInstanceUID)).toEqual(source);
  });

  it("is written with fractions, read where at least half", async () => {
    const { grid } = await readVolume(scan);
    const path = join(dir, "fractions.dcm");
    const of = (label: number, p: number) =>
      Float32Array.from(LABELS, (value) => (value === label ? p : 0.2));
    const probabilities = [of(1, 0.8), of(2, 0.7)];
    const frames = await openDicomFrames(scan);
    await writeSegmentation(
      path,
      { kind: "FRACTIONAL", probabilities },
      { frames, classNames: CLASSES },
      2.5,
    );
    expect((await readLabelMap(path, grid)).data).toEqual(LABELS);
    const seg = readWithDcmjs(path);
    expect([seg.SegmentationType, seg.MaximumFractionalValue, seg.NumberOfFrames]).toEqual([
      "FRACTIONAL",
      255,
      10,
    ]);
    const values = new Uint8Array(seg.PixelData[0]!);
    expect(values[SIZE + LABELS.indexOf(1, SIZE) - SIZE]).toBe(204);
  });

  it("refers to frames of a multi-frame scan, and holds one empty frame where nothing is found", async () => {
    const frames = await openDicomFrames(putMultiFrame(join(dir, "frames.dcm"), [3, 0, 4, 1, 2]));
    const write = (name: string, labels: Uint8Array) =>
      writeSegmentation(join(dir, name), { kind: "BINARY", labels }, { frames, classNames: CLASSES }, 2.5);
    await write("of-frames.dcm", LABELS);
    const seg = readWithDcmjs(join(dir, "of-frames.dcm"));
    const numbers = seg.PerFrameFunctionalGroupsSequence.map(
      (frame) => frame.DerivationImageSequence[0]!.SourceImageSequence[0]!.ReferencedFrameNumber,
    );
    expect(numbers).toEqual([4, 5, 1, 1]); // slices 1, 2, 3 of class 1, slice 3 of class 2
    await write("empty.dcm", new Uint8Array(LABELS.length));
    expect(readWithDcmjs(join(dir, "empty.dcm")).NumberOfFrames).toBe(1);
    expect(new Set((await readLabelMap(join(dir, "empty.dcm"))).data)).toEqual(new Set([0]));
  });

  it("is refused where its pixels are compressed", async () => {
    const path = join(dir, "packed.dcm");
    const bytes = readFileSync(join(dir, "labels.dcm")).toString("latin1");
    const runLength = bytes.replace("1.2.840.10008.1.2.1\0", "1.2.840.10008.1.2.5\0");
    expect(runLength).not.toBe(bytes);
    writeFileSync(path, runLength, "latin1");
    await expect(readLabelMap(path)).rejects.toThrow(/packed\.dcm: a segmentation of compressed pixels/);
  });

  it("is refused for another scan", async () => {
    const path = join(dir, "labels.dcm");
    const other = await readVolume(putSeries(join(dir, "other"), { step: [0, 0, 2.5], slices: 3 }));
    await expect(readLabelMap(path, other.grid)).rejects.toThrow(
      /labels\.dcm: a frame at \(-10, 20, 12\.5\) lies on none/,
    );
    const thick = await readVolume(putSeries(join(dir, "thick"), { step: [0, 0, 4] }));
    await expect(readLabelMap(path, thick.grid)).rejects.toThrow(/lies on none of the image's slices/);
  });
});

const REAL = resolve(import.meta.dirname, "../../../shared/data/formats/dicom-seg");
const here = existsSync(REAL);
describe.skipIf(!here)(
  here ? "a published segmentation" : `a published segmentation (skipped: no ${REAL})`,
  () => {
    it("is read as its makers read it, and lies on its CT", async () => {
      const nrrd = await readLabelMap(join(REAL, "liver_seg.nrrd"));
      const seg = await readLabelMap(join(REAL, "liver.dcm"));
      expect(Buffer.from(seg.data).equals(nrrd.data)).toBe(true); // toEqual takes long over so many
      seg.grid.affine!.forEach((value, i) => {
        expect(value).toBeCloseTo(nrrd.grid.affine![i]!, 6);
      });
      const { grid } = await readVolume(join(REAL, "ct-3slice"));
      const onto = await readLabelMap(join(REAL, "liver.dcm"), grid);
      expect(Buffer.from(onto.data).equals(nrrd.data)).toBe(true);
    });
  },
);
