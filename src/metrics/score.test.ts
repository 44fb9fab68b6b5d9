import { describe, expect, it } from "vitest";
import { PenumbraError } from "../errors.js";
import type { LabelMap, Triple } from "../volume/volume.js";
import { type CaseScore, distanceUnit, scoreCase, summarize } from "./score.js";
import { toCsv, toTable } from "./score-table.js";

const line = (labels: number[], spacingMm: Triple | null): LabelMap => ({
  grid: { shape: [1, 1, labels.length], spacingMm, affine: null },
  data: Uint8Array.from(labels),
});

const ROWS: CaseScore[] = [
  { id: "a", class: "liver", dice: 0.5, jaccard: 0.25, hd95: 3, asd: 1 },
  { id: "a", class: "tumor", dice: 0, jaccard: 0, hd95: null, asd: null },
  { id: "b", class: "liver", dice: 1, jaccard: 1, hd95: 0, asd: 0 },
  { id: "b", class: "tumor", dice: 0.25, jaccard: 0.125, hd95: 6, asd: 5 },
];

describe("scoreCase", () => {
  const classes = ["background", "liver", "tumor"];
  it("gives a row per foreground class, distances in mm where spacing is known", () => {
    const prediction = line([1, 0, 0, 2], [1, 1, 2.5]);
    const reference = line([0, 1, 0, 0], [1, 1, 2.5]);
    expect(scoreCase("x", prediction, reference, classes)).toEqual([
      { id: "x", class: "liver", dice: 0, jaccard: 0, hd95: 2.5, asd: 2.5 },
      { id: "x", class: "tumor", dice: 0, jaccard: 0, hd95: null, asd: null },
    ]);
    expect(distanceUnit(reference)).toBe("mm");
  });

  it("measures in voxels where it is not", () => {
    const [row] = scoreCase("x", line([1, 0], [9, 9, 9]), line([0, 1], null), classes);
    expect(row).toMatchObject({ hd95: 1, asd: 1 });
    expect(distanceUnit(line([0], null))).toBe("voxel");
  });

  it("refuses other grids and classes without a name", () => {
    const score = (a: number[], b: number[]) => () => scoreCase("c7", line(a, null), line(b, null), classes);
    expect(score([0, 1], [0])).toThrow(PenumbraError);
    expect(score([0, 1], [0])).toThrow(/case c7: the prediction is \[1,1,2\] but the reference is \[1,1,1\]/);
    expect(score([0], [255])).toThrow(/reference holds class 255 but only 0 to 2/);
  });
});

describe("summarize", () => {
  it("averages the distances that exist and counts those that don't", () => {
    const { mean, perClass, missing, unit } = summarize(ROWS, "mm");
    expect(mean).toEqual({ dice: 0.4375, jaccard: 0.34375, hd95: 3, asd: 2 });
    expect(perClass[1]).toEqual({
      class: "tumor",
      dice: 0.125,
      jaccard: 0.0625,
      hd95: 6,
      asd: 5,
      missing: 1,
    });
    expect([missing, unit]).toEqual([1, "mm"]);
  });

  it("has no mean distance where none exists, and refuses no cases at all", () => {
    expect(summarize([ROWS[1]!], "voxel").mean).toEqual({ dice: 0, jaccard: 0, hd95: null, asd: null });
    expect(() => summarize([], "mm")).toThrow(/nothing to score/);
  });
});

describe("toTable", () => {
  it("aligns cases and means, and says what is missing", () => {
    expect(toTable(summarize(ROWS, "mm"))).toMatchInlineSnapshot(`
      "case  class  Dice %  Jaccard %  95HD (mm)  ASD (mm)
      ---------------------------------------------------
      a     liver   50.00      25.00       3.00      1.00
      a     tumor    0.00       0.00          –         –
      b     liver  100.00     100.00       0.00      0.00
      b     tumor   25.00      12.50       6.00      5.00
      ---------------------------------------------------
      mean  liver   75.00      62.50       1.50      0.50
      mean  tumor   12.50       6.25       6.00      5.00
      mean  all     43.75      34.38       3.00      2.00
      1 of 4 distances missing: prediction or reference is empty there; the means leave them out
      "
    `);
  });

  it("needs no means by class where there is one class", () => {
    const table = toTable(summarize([ROWS[0]!, ROWS[2]!], "voxel"));
    expect(table.match(/^mean.*/gm)).toEqual(["mean  liver   75.00      62.50          1.50         0.50"]);
  });
});

describe("toCsv", () => {
  it("keeps fractions, leaves missing fields empty, quotes what needs it", () => {
    const csv = toCsv(
      summarize(
        [
          { ...ROWS[1]!, id: 'odd, "name"' },
          { ...ROWS[0]!, id: "=1+1" },
        ],
        "mm",
      ),
    );
    expect(csv).toBe(
      [
        "case,class,dice,jaccard,hd95_mm,asd_mm",
        '"odd, ""name""",tumor,0,0,,',
        "'=1+1,liver,0.5,0.25,3,1",
        "mean,tumor,0,0,,",
        "mean,liver,0.5,0.25,3,1",
        "mean,*,0.25,0.125,3,1",
        "",
      ].join("\n"),
    );
  });
});
