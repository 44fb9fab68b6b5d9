import { describe, expect, it } from "vitest";
import { type Fingerprint, inStoredOrder, type SurveyedCase } from "../data/fingerprint.js";
import type { Triple } from "../volume/volume.js";
import { autoSettings, withoutAsked } from "./auto-settings.js";

interface MadeUp {
  readonly shape?: Triple;
  readonly spacing?: Triple | null;
  readonly positiveShare?: number;
  readonly foreground?: [number, number, number];
  readonly stored?: Triple;
  readonly outer?: [number, number, number];
}
const intensity = (percentiles: [number, number, number]) => ({
  min: -1000,
  max: 1000,
  mean: 0,
  deviation: 1,
  percentiles,
});
const madeUp = ({
  shape = [100, 200, 200],
  spacing = [1, 1, 1],
  positiveShare = 1,
  foreground = [-50, 40, 120],
  stored = shape,
  outer = [0, 1, 2],
}: MadeUp): SurveyedCase => ({
  role: "labeled",
  files: { id: "x", imagePath: "x.nii", labelPath: "y.nii" },
  image: {
    shape,
    spacingMm: spacing,
    stored: { shape: stored, spacingMm: spacing },
    hash: "",
    channels: [{ intensity: intensity(outer), positiveShare }],
  },
  classes: [],
  foreground: intensity(foreground),
  labelOffset: 0,
  problems: [],
});
const setOf = (cases: MadeUp[], modality: string | null = "MRI"): Fingerprint => {
  const spacings = cases.map(({ spacing = [1, 1, 1] }) => spacing).filter((s): s is Triple => s !== null);
  const along = (pick: (values: number[]) => number) =>
    [0, 1, 2].map((axis) => pick(spacings.map((s) => s[axis]!))) as unknown as Triple;
  const median = (values: number[]) => [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]!;
  return {
    dir: "set",
    layout: "decathlon",
    classNames: ["background", "organ"],
    modality,
    channels: 1,
    cases: cases.map(madeUp),
    remarks: [],
    shape: null,
    spacingMm:
      spacings.length === 0
        ? null
        : { min: along((v) => Math.min(...v)), median: along(median), max: along((v) => Math.max(...v)) },
  };
};
const CPU = { device: "cpu", stepBytes: 8e9 };
const derive = (cases: MadeUp[], modality?: string | null, limits = CPU) => {
  const { config, settings } = autoSettings(setOf(cases, modality), limits);
  return {
    ...config.data,
    stride: config.inference?.stride,
    reasons: settings.map(({ reason }) => reason).join("\n"),
  };
};

it("gives images of several channels no window of CT, which would hold for all of them", () => {
  const two = { ...setOf([{}, {}], "CT, PET"), channels: 2 };
  expect(autoSettings(two, CPU).config.data?.windowHu ?? null).toBeNull();
  expect(autoSettings(setOf([{}, {}], "CT"), CPU).config.data?.windowHu ?? null).not.toBeNull();
});

describe("autoSettings of slices", () => {
  const of = (cases: MadeUp[], more: Partial<Parameters<typeof autoSettings>[1]> = {}) =>
    autoSettings(setOf(cases), { ...CPU, ...more }).config;

  it("take a 2-D network where every case is one slice, however thick, and more of them a batch", () => {
    const { model, data, inference } = of([
      { shape: [1, 200, 250], spacing: [5, 1, 1] },
      { shape: [1, 210, 240], spacing: [8, 1, 1] },
    ]);
    expect(model).toEqual({ dimensions: 2 });
    expect(data).toMatchObject({ patchSize: [1, 208, 240], spacingMm: null, labeledPerBatch: 12 });
    expect(inference!.stride).toEqual([1, 104, 120]);
    expect(data!.axisOrder).toBeUndefined();
  });

  it("keep the order of the files where slices are not axial", () => {
    const { model, data } = of([{ shape: [160, 1, 96] }, { shape: [160, 96, 1] }]);
    expect(model).toEqual({ dimensions: 2 });
    expect(data).toMatchObject({ axisOrder: "stored", patchSize: [1, 160, 96], spacingMm: null });
  });

  it("are not taken of volumes, nor where the user says otherwise", () => {
    expect(of([{ shape: [1, 200, 200] }, { shape: [2, 200, 200] }]).model).toBeUndefined();
    const volumes = of([{ shape: [100, 200, 200] }], { dimensions: 2 });
    expect([volumes.model, volumes.data!.patchSize]).toEqual([{ dimensions: 2 }, [1, 208, 208]]);
    expect(of([{ shape: [1, 200, 200] }], { dimensions: 3 }).data!.patchSize![0]).toBe(16);
    expect(of([{}], { patchSize: [1, 64, 64] }).model).toEqual({ dimensions: 2 });
  });
});

describe("autoSettings", () => {
  it("small volumes: one patch is about the whole image, more of them a batch", () => {
    const { patchSize, stride, spacingMm, labeledPerBatch, unlabeledPerBatch } = derive([
      { shape: [36, 50, 35] },
    ]);
    expect([patchSize, stride]).toEqual([
      [32, 48, 32],
      [16, 24, 16],
    ]);
    expect([spacingMm, labeledPerBatch, unlabeledPerBatch]).toEqual([null, 4, 4]);
  });

  it("large ones: within voxels and memory, multiples of 16, about as long in mm along every axis", () => {
    const { patchSize, reasons } = derive([{ shape: [120, 512, 512], spacing: [3, 0.8, 0.8] }], "CT");
    const [d, h, w] = patchSize!;
    expect(d * h * w).toBeLessThanOrEqual(96 ** 3);
    expect(d * h * w).toBeGreaterThan(0.6 * 96 ** 3);
    for (const n of [d, h, w]) expect(n % 16).toBe(0);
    expect(h).toBe(w);
    expect((3 * d) / (0.8 * h)).toBeGreaterThan(0.6);
    expect((3 * d) / (0.8 * h)).toBeLessThan(1.7);
    expect(reasons).toContain("the median image has 120 x 512 x 512 voxels");
    const little = derive([{ shape: [120, 512, 512] }], "CT", { device: "cpu", stepBytes: 1e9 }).patchSize!;
    expect(little[0] * little[1] * little[2] * 4 * 16 * 100).toBeLessThanOrEqual(1e9);
    expect(little[0] * little[1] * little[2]).toBeGreaterThan(16 ** 3);
  });

  it("a GPU gets a larger patch", () => {
    const limits = { device: "cuda", stepBytes: 40e9 };
    expect(derive([{ shape: [300, 300, 300] }], "MRI", limits).patchSize).toEqual([128, 128, 128]);
  });

  it("a patch that was asked for stays, and the stride follows it", () => {
    const { config } = autoSettings(setOf([{}]), { ...CPU, patchSize: [16, 32, 64] });
    expect(config.data?.patchSize).toBeUndefined();
    expect(config.inference?.stride).toEqual([8, 16, 32]);
  });

  it("other voxel sizes: their median, but along coarse slices the fine scans' size", () => {
    const isotropic: Triple[] = [
      [1, 1, 1],
      [1.2, 1, 1],
      [2, 1.5, 1.5],
    ];
    expect(derive(isotropic.map((spacing) => ({ spacing }))).spacingMm).toEqual([1.2, 1, 1]);
    const slices = [2, 4, 5, 5, 5, 5, 5, 5, 5, 6].map((d): MadeUp => ({ spacing: [d, 0.7, 0.7] }));
    expect(derive(slices).spacingMm).toEqual([4, 0.7, 0.7]);
    expect(derive([{ spacing: null }, {}]).spacingMm).toBeNull();
  });

  it("CT is clipped to what the labels hold; MRI is not, and knows its air", () => {
    const ct = derive(
      [{ foreground: [-50.5, 40, 120.2] }, { foreground: [-70, 40, 110] }, { foreground: [-20, 4, 300] }],
      "CT",
    );
    expect([ct.windowHu, ct.normalization]).toEqual([[-51, 121], "z-score"]);
    const mri = derive([{}], "MRI");
    expect([mri.windowHu, mri.normalization, mri.regionMask]).toEqual([undefined, "z-score", undefined]);
    const air = derive([{ positiveShare: 0.4 }], "T1");
    expect([air.normalization, air.regionMask]).toEqual(["z-score-foreground", "positive"]);
    const scaledBefore = derive([{ positiveShare: 0.4, outer: [-1.2, -0.3, 4] }], "T1");
    expect([scaledBefore.normalization, scaledBefore.regionMask]).toEqual(["z-score", undefined]);
    expect(derive([{}], "CTA").windowHu).toEqual([-50, 120]);
  });

  it("follow the axes that the network sees", () => {
    const set = setOf([{ shape: [256, 256, 30], stored: [30, 256, 256] }]);
    const slices = { ...CPU, dimensions: 2 as const };
    expect(autoSettings(set, slices).config.data?.patchSize).toEqual([1, 256, 32]);
    expect(autoSettings(inStoredOrder(set), slices).config.data?.patchSize).toEqual([1, 256, 256]);
  });

  it("knows CT by its intensities where the set does not say", () => {
    expect(derive([{}], null).windowHu).toEqual([-50, 120]);
  });

  it("a spacing that was asked for stays, and the patch follows it", () => {
    const { config } = autoSettings(setOf([{ shape: [40, 80, 80] }]), { ...CPU, spacingMm: [2, 2, 2] });
    expect(config.data?.patchSize).toEqual([16, 48, 48]);
    expect(
      autoSettings(setOf([{ spacing: null }]), { ...CPU, spacingMm: [1, 1, 1] }).config.data,
    ).toBeDefined();
  });

  it("is cut at once for a spacing that is wrong by powers of ten", () => {
    const start = performance.now();
    const settings = autoSettings(setOf([{}]), { ...CPU, spacingMm: [1e-9, 1, 1] }).config.data;
    expect(settings?.patchSize?.every((extent) => extent % 16 === 0)).toBe(true);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("what the user sets is not said to be derived, and nothing derived contradicts it", () => {
    const auto = autoSettings(setOf([{}], "CT"), CPU);
    const keys = (...set: string[]) => withoutAsked(auto, { set }).settings.map(({ key }) => key);
    expect(keys()).toContain("data.windowHu");
    expect(keys("data.labeledPerBatch=3")).not.toContain("data.labeledPerBatch");
    expect(keys("data.windowPercentiles=null")).toContain("data.windowHu");
    expect(keys("data.windowPercentiles=[1,99]")).not.toContain("data.windowHu");
    const { config } = withoutAsked(auto, { file: { data: { windowHu: [0, 1] } } });
    expect(config.data).toBeDefined();
    expect(config.data!.windowHu).toBeUndefined();
  });
});
