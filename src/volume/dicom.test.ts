import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { DicomDataset } from "./dicom-encode.js";
import { openImage } from "./format.js";
import {
  bytesOf,
  COLUMNS,
  pixelsOf,
  putMultiFrame,
  putSeries,
  ROWS,
  type SeriesOptions,
  SLICES,
  storedValue,
} from "./made-up-dicom.testing.js";
import { axisCodes } from "./orientation.js";
import { readVolume } from "./read.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-dicom-"));
afterAll(() => rmSync(dir, { recursive: true }));
let folders = 0;
const fresh = () => join(dir, `series${folders++}`);
const series = (options: SeriesOptions = {}) => putSeries(fresh(), options);

/** (-10, 20, 5) LPS, columns 0.5 mm along L, rows 0.75 mm along P, slices 2.5 mm along S, in RAS. */
const AFFINE = [-0.5, 0, 0, 10, 0, -0.75, 0, -20, 0, 0, 2.5, 5, 0, 0, 0, 1];
const scaled = (i: number) =>
  2 * storedValue(Math.floor(i / (ROWS * COLUMNS)), Math.floor(i / COLUMNS) % ROWS, i % COLUMNS) - 1024;
const INTENSITIES = Array.from({ length: SLICES * ROWS * COLUMNS }, (_, i) => scaled(i));

describe("a DICOM series", () => {
  it("is read in the order of its places, in mm and Hounsfield units", async () => {
    const path = series();
    const { grid, data } = await readVolume(path);
    expect(grid).toEqual({ shape: [SLICES, ROWS, COLUMNS], spacingMm: [2.5, 0.75, 0.5], affine: AFFINE });
    expect([...data]).toEqual(INTENSITIES);
    const image = await openImage(path);
    expect([image.format, image.type, image.slope, image.intercept]).toEqual([
      "DICOM series",
      "i16",
      2,
      -1024,
    ]);
    expect(image.odd).toEqual([]);
  });

  it.each([
    ["sagittal", [0, 1, 0, 0, 0, -1], [-2.5, 0, 0], "PIR"],
    ["coronal", [1, 0, 0, 0, 0, -1], [0, 2.5, 0], "LIP"],
    ["from top to bottom", [1, 0, 0, 0, 1, 0], [0, 0, -2.5], "LPS"],
  ])("is read %s", async (_, orientation, step, codes) => {
    const { grid, data } = await readVolume(series({ orientation, step }));
    expect(axisCodes(grid.affine!)).toBe(codes);
    const first = codes === "LPS" ? SLICES - 1 : 0; // slices run along the normal of row and column
    expect(data[0]).toBe(2 * storedValue(first, 0, 0) - 1024);
    expect(grid.affine!.filter((_, i) => i % 4 === 3 && i < 12)).toEqual(
      [10, -20, 5].map((value, i) => value + [-1, -1, 1][i]! * first * step[i]!),
    );
  });

  it("is read with slopes of each slice's own, unused bits and other files beside it", async () => {
    const path = series({
      change: (slice, dataset) => ({
        ...dataset,
        RescaleSlope: slice + 1,
        BitsStored: 14,
        HighBit: 13,
        PixelData: bytesOf(pixelsOf(slice).map((value) => (value & 0x3fff) | 0x4000)),
      }),
    });
    writeFileSync(join(path, "notes.txt"), "no DICOM");
    writeFileSync(join(path, ".hidden"), "");
    const { data } = await readVolume(path);
    expect(data[2 * ROWS * COLUMNS + 3]).toBe(3 * storedValue(2, 0, 3) - 1024);
    expect((await openImage(path)).odd).toEqual([
      "passed over: 1 file that is no DICOM (notes.txt)",
      "slices have rescale slopes of their own",
    ]);
  });

  const changed = (at: number, changes: DicomDataset): SeriesOptions => ({
    change: (slice, dataset) => (slice === at ? { ...dataset, ...changes } : dataset),
  });
  const moved = (at: number, position: readonly number[]) => changed(at, { ImagePositionPatient: position });
  it.each<[string, SeriesOptions, RegExp]>([
    ["two slices at one place", moved(3, [-10, 20, 10]), /IM00[23] and .*IM00[23] lie at the same place/],
    ["uneven spacing", moved(2, [-10, 20, 10.4]), /unevenly spaced, 2\.10 mm to 2\.90 mm/],
    ["a tilted gantry", { step: [0, 0.4, 2.5] }, /shifted sideways.*gantry tilted by 9\.1 degrees/],
    [
      "a slice that points elsewhere",
      changed(1, { ImageOrientationPatient: [0, 1, 0, 0, 0, -1] }),
      /different directions/,
    ],
    ["other pixel spacings", changed(1, { PixelSpacing: [0.8, 0.5] }), /different pixel spacings/],
    ["a slice without a place", changed(1, { ImagePositionPatient: undefined }), /IM004: says no position/],
    ["another size", changed(1, { Rows: 16, Columns: 20 }), /IM004 differs.*rows \(16, not 20\)/],
    [
      "colors",
      changed(1, { SamplesPerPixel: 3, PhotometricInterpretation: "RGB" }),
      /IM004: a color image \(RGB\)/,
    ],
    ["a rescale that is no number", changed(1, { RescaleIntercept: "x-1024" }), /IM004: its rescale slope/],
    ["fewer pixels than it says", changed(1, { Rows: 40 }), /need 1280 bytes of pixels but it holds 640/],
  ])("is refused with %s", async (_, options, reason) => {
    const path = series(options);
    await expect(readVolume(path)).rejects.toThrow(reason);
    await expect(readVolume(path)).rejects.toMatchObject({ code: "bad-input" });
  });

  it("is read where its header has a tilt that its places don't show, which is said to be odd", async () => {
    const path = series({ change: (_, dataset) => ({ ...dataset, GantryDetectorTilt: 15 }) });
    expect((await openImage(path)).odd).toEqual([expect.stringContaining("tilted by 15 degrees, but")]);
  });

  it("is read along a normal that its rounded directions miss by a few pixels over the whole stack", async () => {
    const [sin, cos] = [Math.sin(0.3), Math.cos(0.3)];
    const orientation = [1, 0, 0, 0, Number(cos.toFixed(3)), Number(sin.toFixed(3))];
    const path = series({ orientation, step: [0, -300 * sin, 300 * cos] });
    expect((await readVolume(path)).grid.spacingMm![0]).toBeCloseTo(300, 3);
  });

  it("is read where slices use different numbers of bits, each cleared of its own unused ones", async () => {
    const path = series({
      change: (slice, dataset) => ({
        ...dataset,
        BitsStored: 13 + (slice % 2),
        HighBit: 12 + (slice % 2),
        PixelData: bytesOf(pixelsOf(slice).map((value) => (value & 0x1fff) | (slice % 2 ? 0 : 0x6000))),
        PixelRepresentation: 0,
      }),
    });
    const { data } = await readVolume(path);
    expect([...data]).toEqual(INTENSITIES.map((hu) => 2 * (((hu + 1024) / 2) & 0x1fff) - 1024));
  });

  it.each([
    ["empty", 0, "IM001"],
    ["cut short before its mark", 100, "IM001"],
    ["empty and the only one with its ending", 0, "last.dcm"],
  ])("is refused where a file is %s, whose name says that it is a slice", async (_, bytes, name) => {
    const path = series();
    const whole = readFileSync(join(path, "IM001"));
    rmSync(join(path, "IM001"));
    writeFileSync(join(path, name), whole.subarray(0, bytes));
    await expect(readVolume(path)).rejects.toThrow(`${name}: is named as a slice, but its ${bytes} bytes`);
  });

  it("is refused when a slice is missing, said between which", async () => {
    const path = series();
    rmSync(join(path, "IM003"));
    await expect(readVolume(path)).rejects.toThrow(
      /a slice is missing between .*IM004 and .*IM002: 5\.00 mm apart, the others 2\.50 mm/,
    );
  });

  it("is refused beside another one, both named, and read beside what is no image", async () => {
    const path = series({ seriesUid: "1.2.77" });
    putSeries(path, { seriesUid: "1.2.88", prefix: "other", slices: 2 });
    await expect(readVolume(path)).rejects.toThrow(
      /2 DICOM series: 5 files like IM001 \(CT\), 2 files like other001 \(CT\); put each/,
    );
    const alone = series();
    putSeries(alone, { prefix: "report", slices: 1, change: (_, d) => ({ ...d, Modality: "SR" }) });
    expect((await openImage(alone)).odd).toEqual(["passed over: SR"]);
  });

  it("is refused where a file is cut short, compressed or damaged, without a word of the patient", async () => {
    const cases: [string, (bytes: Buffer) => Buffer, RegExp][] = [
      ["cut", (bytes) => bytes.subarray(0, bytes.length - 100), /IM003: its pixels need .* it is cut short/],
      ["header", (bytes) => bytes.subarray(0, 400), /IM003: .*(damaged|no image|without pixels)/],
      [
        "compressed",
        (bytes) =>
          Buffer.from(
            bytes.toString("latin1").replace("1.2.840.10008.1.2.1\0\x02", "1.2.840.10008.1.2.9\0\x02"),
            "latin1",
          ),
        /IM003: its pixels are in an unknown transfer syntax \(1\.2\.840\.10008\.1\.2\.9\); decompress it first/,
      ],
    ];
    for (const [name, spoil, reason] of cases) {
      const path = join(dir, name);
      cpSync(series(), path, { recursive: true });
      writeFileSync(join(path, "IM003"), spoil(readFileSync(join(path, "IM003"))));
      const error = await readVolume(path).then(
        () => null,
        (cause: Error) => cause,
      );
      expect(error?.message).toMatch(reason);
      expect(error?.message).not.toMatch(/Jane|SECRET/);
    }
  });

  it("never ends in another error than bad input when bytes are damaged", async () => {
    const path = series({ slices: 1 });
    const name = join(path, readdirSync(path)[0]!);
    const good = readFileSync(name);
    let state = 7; // Numerical Recipes' generator: the same damage every time
    const below = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(good.subarray(0, round % 3 === 0 ? below(good.length) : good.length));
      for (let change = below(4); change >= 0; change--) bytes[132 + below(700)] = below(256);
      writeFileSync(name, bytes);
      const error = await readVolume(name).then(
        () => null,
        (cause: Error) => cause,
      );
      if (error) expect(error).toMatchObject({ name: "PenumbraError", code: "bad-input" });
    }
  });
});

/** Slice 2 of the made-up series, compressed by DCMTK 3.6.7 (JPEG 2000 by GDCM 3.0). */
const COMPRESSED = resolve(import.meta.dirname, "../../test/fixtures/dicom");
describe("compressed pixels", () => {
  it.each(["jpeg-lossless", "jpeg-ls", "jpeg-2000", "run-length"])(
    "are unpacked to the last bit: %s",
    async (name) => {
      const { data } = await readVolume(join(COMPRESSED, `${name}.dcm`));
      expect([...data]).toEqual(INTENSITIES.slice(2 * ROWS * COLUMNS, 3 * ROWS * COLUMNS));
    },
  );

  it.each(["jpeg-lossless", "jpeg-ls", "jpeg-2000", "run-length"])(
    "are refused where they are damaged: %s",
    async (name) => {
      const bytes = readFileSync(join(COMPRESSED, `${name}.dcm`));
      const path = join(dir, `${name}.dcm`);
      writeFileSync(path, bytes.subarray(0, bytes.length - 150));
      await expect(readVolume(path)).rejects.toThrow(
        new RegExp(`${name}\\.dcm: .*(damaged|cut short|unpacked)`),
      );
      await expect(readVolume(path)).rejects.toMatchObject({ code: "bad-input" });
    },
  );
});

describe("a DICOM file", () => {
  it("of several frames is read as the volume that its slices make", async () => {
    const path = putMultiFrame(join(dir, "frames.dcm"), [3, 0, 4, 1, 2]);
    const { grid, data } = await readVolume(path);
    expect(grid.affine).toEqual(AFFINE);
    expect([...data]).toEqual(INTENSITIES);
  });

  it("of one slice is one slice", async () => {
    const path = join(series(), "IM005");
    const { grid, data } = await readVolume(path);
    expect(grid.shape).toEqual([1, ROWS, COLUMNS]);
    expect([...data]).toEqual(INTENSITIES.slice(0, ROWS * COLUMNS));
    expect((await openImage(path)).odd).toEqual(["one slice"]);
  });
});
