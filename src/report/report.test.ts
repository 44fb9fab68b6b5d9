import { describe, expect, it } from "vitest";
import { type CaseScore, summarize } from "../metrics/score.js";
import { renderReport } from "./report.js";
import { comparisonTable } from "./score-view.js";
import type { ReportCase } from "./slices.js";

const EVIL = `<script>alert("x")</script>'&`;
const rows: CaseScore[] = [
  { id: EVIL, class: "left & right", dice: 0.9, jaccard: 0.8, hd95: 2, asd: 1 },
  { id: "none", class: "left & right", dice: 0, jaccard: 0, hd95: null, asd: null },
];
const shown = (change: Partial<ReportCase> = {}): ReportCase => ({
  id: EVIL,
  image: Float32Array.from({ length: 27 }, (_, i) => i),
  reference: new Uint8Array(27).fill(1, 13, 15),
  prediction: new Uint8Array(27),
  uncertainty: new Float32Array(27).fill(0.5),
  grid: { shape: [3, 3, 3], spacingMm: null, affine: null },
  ...change,
});
const report = (one: ReportCase) =>
  renderReport({
    title: EVIL,
    facts: { [EVIL]: EVIL },
    notes: [EVIL],
    comparison: [{ method: EVIL, mean: summarize(rows, "mm").mean, unit: "mm", note: EVIL }],
    sections: [
      {
        title: EVIL,
        evaluation: summarize(rows, "mm"),
        curves: [
          {
            title: EVIL,
            series: [
              {
                name: EVIL,
                points: [
                  [0, 1],
                  [1, 2],
                ],
              },
            ],
          },
        ],
        shown: [{ why: "best", case: one }],
      },
    ],
  });

describe("renderReport", () => {
  it("names the window of the slices", () => {
    expect(report(shown())).toContain("Black to white: 0 to 26.");
    const ct = Float32Array.from({ length: 27 }, (_, i) => 60 * i - 1000);
    expect(report(shown({ image: ct }))).toContain("Black to white: -160 to 240 HU (soft tissue).");
  });

  it("escapes every text it is given", () => {
    const page = report(shown());
    expect(page).not.toContain("<script");
    expect(
      page.match(/&lt;script&gt;alert\(&quot;x&quot;\)&lt;\/script&gt;&#39;&amp;/g)!.length,
    ).toBeGreaterThan(12);
    expect(page).toContain("left &amp; right: Dice 90.00 %, 95HD 2.00 mm");
  });

  it("needs nothing from elsewhere, and a browser is told so", () => {
    const page = report(shown());
    expect(page).not.toMatch(/https?:|url\(|@import|<link/);
    expect([...page.matchAll(/src="([^"]{0,22})/g)].map((match) => match[1])).toEqual(
      Array(6).fill("data:image/png;base64,"),
    );
    expect(page).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
  });

  it("shows three slices and no heat scale where a case has no uncertainty", () => {
    const page = report(shown({ uncertainty: null }));
    expect(page.match(/<img /g)).toHaveLength(3);
    expect(page).not.toContain('class="heat"');
  });

  it("says which distances are missing", () => {
    expect(report(shown())).toContain("1 of 2 distances missing");
  });

  it("refuses arrays that don't fit the grid", () => {
    expect(() => report(shown({ prediction: new Uint8Array(5) }))).toThrow(
      /prediction of case .* has 5 voxels/,
    );
  });
});

describe("comparisonTable", () => {
  const best = (...means: [number, number | null, number?][]) =>
    comparisonTable(
      means.map(([dice, hd95, missing]) => ({
        method: "m",
        unit: "mm",
        mean: { dice, jaccard: dice / 2, hd95, asd: null },
        missing,
      })),
    ).markup.match(/class="best">[^<]*/g);

  it("marks the largest overlap and the smallest distance", () => {
    expect(best([0.5, 3], [0.75, 4])).toEqual(
      ["3.00", "75.00", "37.50"].map((cell) => `class="best">${cell}`),
    );
  });

  it("gives no merit to a distance that leaves failures out", () => {
    expect(best([0.75, 3, 1], [0.5, 4])).not.toContain('class="best">3.00');
  });
});
