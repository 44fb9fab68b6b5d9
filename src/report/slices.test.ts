import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { PREDICTION_COLOUR, REFERENCE_COLOUR } from "./palette.js";
import { frameOf, type Picture, type ReportCase, renderSlice } from "./slices.js";

/** Pixels of a PNG that this project wrote: one IDAT after IHDR, every row with filter 2. */
function pixelsOf({ png, width, height }: Picture): number[][] {
  const rows = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  const pixels: number[][] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const above = y > 0 ? pixels[(y - 1) * width + x]! : [0, 0, 0];
      pixels.push(above.map((value, c) => (value + rows[y * (width * 3 + 1) + 1 + x * 3 + c]!) & 255));
    }
  }
  return pixels;
}

const same = (a: readonly number[]) => (b: readonly number[]) => a.every((value, i) => value === b[i]);

/** [2, 2, 4] voxels of 3 x 2 x 1 mm; intensity is the x index, the label maps are on its right half. */
function halfCase(change: Partial<ReportCase> = {}): ReportCase {
  const x = Array.from({ length: 16 }, (_, i) => i % 4);
  return {
    id: "half",
    image: Float32Array.from(x),
    reference: Uint8Array.from(x, (value) => Number(value >= 2)),
    prediction: Uint8Array.from(x, (value) => Number(value >= 3)),
    uncertainty: null,
    grid: { shape: [2, 2, 4], spacingMm: [3, 2, 1], affine: null },
    ...change,
  };
}

describe("renderSlice", () => {
  it("keeps voxels in proportion: 4x4 mm axial is square, 6 mm tall coronal is not", () => {
    const shown = halfCase();
    const axial = renderSlice(shown, "axial", [0, 0, 0], "contours", frameOf(shown));
    expect([axial.width, axial.height]).toEqual([320, 320]);
    const coronal = renderSlice(shown, "coronal", [0, 0, 0], "contours", frameOf(shown));
    expect([coronal.width, coronal.height]).toEqual([213, 320]);
  });

  it("draws grey from black to white, the reference at 1/2 and the prediction at 3/4 of the width", () => {
    const shown = halfCase();
    const pixels = pixelsOf(renderSlice(shown, "axial", [0, 0, 0], "contours", frameOf(shown)));
    expect(pixels.slice(0, 320).findIndex(same(REFERENCE_COLOUR))).toBe(159);
    expect(pixels.slice(0, 320).findIndex(same(PREDICTION_COLOUR))).toBe(239);
    expect([pixels[0], pixels[319]]).toEqual([
      [0, 0, 0],
      [255, 255, 255],
    ]);
  });

  it("shows both colours where the contours coincide", () => {
    const shown = halfCase({ prediction: halfCase().reference });
    const pixels = pixelsOf(renderSlice(shown, "axial", [0, 0, 0], "contours", frameOf(shown)));
    expect(pixels.some(same(REFERENCE_COLOUR)) && pixels.some(same(PREDICTION_COLOUR))).toBe(true);
  });

  it("turns the picture by the affine: x that runs right is drawn from the right", () => {
    const affine = [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1];
    const shown = halfCase({ grid: { ...halfCase().grid, affine } });
    const pixels = pixelsOf(renderSlice(shown, "axial", [0, 0, 0], "contours", frameOf(shown)));
    expect(pixels[0]).toEqual([255, 255, 255]);
  });

  it("shows CT's soft tissue where air takes half the scan", () => {
    const image = Float32Array.from({ length: 16 }, (_, i) => [-1000, -160, 40, 240][i % 4]!);
    const shown = halfCase({ image, reference: new Uint8Array(16), prediction: new Uint8Array(16) });
    expect(frameOf(shown).window).toEqual([-160, 240]);
    const pixels = pixelsOf(renderSlice(shown, "axial", [0, 0, 0], "contours", frameOf(shown)));
    expect([0, 100, 180, 319].map((pixel) => pixels[pixel]![0])).toEqual([0, 0, 127, 255]);
  });

  it("does not take an MRI for CT because one voxel is damaged", () => {
    const image = Float32Array.from({ length: 4000 }, (_, i) => i % 4);
    image[0] = -2000;
    const grid = { ...halfCase().grid, shape: [10, 20, 20] as const };
    const blank = new Uint8Array(4000);
    expect(frameOf(halfCase({ image, grid, reference: blank, prediction: blank })).window).toEqual([0, 3]);
  });

  it("colours uncertain voxels only", () => {
    const uncertainty = new Float32Array(16);
    uncertainty[0] = 0.4;
    const shown = halfCase({ uncertainty });
    const pixels = pixelsOf(renderSlice(shown, "axial", [0, 0, 0], "uncertainty", frameOf(shown)));
    expect(frameOf(shown).uncertaintyMax).toBeCloseTo(0.4, 6);
    const [r, g, b] = pixels[0]!;
    expect(r! > b! && g! > b!).toBe(true); // 85 % of the hottest colour over black
    expect(pixels[100]).toEqual([85, 85, 85]); // second voxel: intensity 1 of 0 to 3
  });
});
