import { describe, expect, it } from "vitest";
import { type CaseScore, summarize } from "../metrics/score.js";
import type { MethodName } from "../training/method-catalog.js";
import type { CellResult } from "./comparison.js";
import { comparisonCsv, comparisonMarkdown, mainTable, shownDifference } from "./comparison-table.js";
import { allDifferences, caseValues, differenceOf, spreadOf, summarizeMethod } from "./summary.js";

/** [case, class, Dice, 95HD]; Jaccard and ASD are those over 2. */
type Row = [string, string, number, number | null];
const scored = ([id, name, dice, hd95]: Row): CaseScore => ({
  id,
  class: name,
  dice,
  jaccard: dice / 2,
  hd95,
  asd: hd95 === null ? null : hd95 / 2,
});
const cell = (method: MethodName, seed: number, rows: Row[] | null): CellResult => ({
  method,
  seed,
  run: `runs/${method}/seed-${seed}`,
  evaluation: rows && summarize(rows.map(scored), "mm"),
  diverged: rows ? null : "the loss was not finite",
  steps: 10,
  labeledPatches: 40,
  parts: 1,
  minutes: 2 + seed,
});

const base = [
  cell("supervised", 0, [
    ["a", "left", 0.6, 4],
    ["b", "left", 0.8, 2],
  ]),
  cell("supervised", 1, [
    ["a", "left", 0.7, 6],
    ["b", "left", 0, null], // an empty prediction
  ]),
];
const whole = [
  cell("aua", 0, [
    ["a", "left", 0.8, 1],
    ["b", "left", 0.7, 2],
  ]),
  cell("aua", 1, [
    ["a", "left", 1, 3],
    ["b", "left", 0.9, 5],
  ]),
];
const better = [
  cell("aua", 0, [
    ["a", "left", 0.9, 1],
    ["b", "left", 0.8, 2],
  ]),
  cell("aua", 1, null),
];

describe("spreadOf", () => {
  it("is mean and sample deviation, which one value has not", () => {
    expect(spreadOf([1, 2, 3])).toEqual({ mean: 2, deviation: 1 });
    expect(spreadOf([5])).toEqual({ mean: 5, deviation: null });
  });
});

describe("summarizeMethod", () => {
  it("takes means over cases first, then over seeds; an empty prediction is 0 for overlap, missing for distances", () => {
    const { classes, minutes, diverged } = summarizeMethod(base);
    expect(classes).toHaveLength(1);
    const [left] = classes;
    expect(left).toMatchObject({ class: "left", missing: 1, rows: 4 });
    // seeds: (0.6 + 0.8)/2 = 0.7 and (0.7 + 0)/2 = 0.35; distances (4 + 2)/2 = 3 and 6
    expect(left!.dice!.mean).toBeCloseTo(0.525, 10);
    expect(left!.dice!.deviation).toBeCloseTo(0.35 / Math.SQRT2, 10);
    expect(left!.hd95).toEqual({ mean: 4.5, deviation: expect.closeTo(1.5 * Math.SQRT2, 10) });
    expect([minutes.mean, diverged]).toEqual([2.5, 0]);
  });

  it("counts a seed that diverged and leaves it out of the means", () => {
    expect(summarizeMethod(better).minutes).toEqual({ mean: 2, deviation: null });
    expect(summarizeMethod(better)).toMatchObject({
      seeds: 2,
      diverged: 1,
      classes: [{ class: "left", missing: 0, rows: 2, hd95: { mean: 1.5, deviation: null } }],
    });
  });

  it("adds all classes together where there are several", () => {
    const rows: Row[] = [
      ["a", "left", 0.5, 1],
      ["a", "right", 1, 3],
    ];
    const { classes } = summarizeMethod([cell("ssn", 0, rows)]);
    expect(classes.map((row) => [row.class, row.dice!.mean, row.hd95!.mean])).toEqual([
      ["left", 0.5, 1],
      ["right", 1, 3],
      ["all", 0.75, 2],
    ]);
  });
});

describe("differences", () => {
  it("are paired by case and seed, seeds averaged first", () => {
    expect([...caseValues(base, "left", "dice")].map(([id, { value }]) => [id, value])).toEqual([
      ["a", expect.closeTo(0.65, 10)],
      ["b", 0.4],
    ]);
    // a: (0.8 + 1)/2 - (0.6 + 0.7)/2 = 0.25, b: (0.7 + 0.9)/2 - (0.8 + 0)/2 = 0.4; of two values the interval is from
    // one to the other
    const found = differenceOf(whole, base, "left", "dice")!;
    expect(found).toMatchObject({ method: "aua", against: "supervised", seeds: 2, cases: 2, leftOut: 0 });
    expect([found.mean, found.low, found.high].map((v) => v.toFixed(4))).toEqual([
      "0.3250",
      "0.2500",
      "0.4000",
    ]);
    expect(shownDifference(found)).toBe("+32.50 [+25.00, +40.00]");
    // with the only seed that both finished, a: 0.9 - 0.6, b: 0.8 - 0.8
    expect(differenceOf(better, base, "left", "dice")).toMatchObject({
      seeds: 1,
      mean: expect.closeTo(0.15, 10),
    });
    expect(differenceOf(better, base.slice(1), "left", "dice")).toBeNull();
  });

  it("leave out and count a case without a distance in one of them", () => {
    const empty = [
      cell("ssn", 0, [
        ["a", "left", 0.5, 3],
        ["b", "left", 0, null],
      ]),
    ];
    expect(differenceOf(empty, base, "left", "hd95")).toMatchObject({ mean: -1, cases: 1, leftOut: 1 });
    // a seed of the baseline found nothing in b: what its other seed has is no pair to b's mean here
    expect(differenceOf(whole, base, "left", "hd95")).toMatchObject({ mean: -3, cases: 1, leftOut: 1 });
    expect(differenceOf([cell("ssn", 0, null)], base, "left", "dice")).toBeNull();
  });

  it("are of every later method against every earlier one", () => {
    const groups = new Map<MethodName, CellResult[]>([
      ["supervised", base],
      ["ua-mt", [cell("ua-mt", 0, null)]],
      ["aua", better],
    ]);
    expect(allDifferences(groups).map((d) => `${d.method} ${d.against} ${d.metric}`)).toEqual([
      "aua supervised dice",
      "aua supervised jaccard",
      "aua supervised hd95",
      "aua supervised asd",
    ]);
  });
});

describe("tables", () => {
  const comparison = {
    data: "/data",
    labeled: 3,
    planned: 5,
    unit: "mm" as const,
    methods: [base, better, [cell("ua-mt", 0, null)]].map(summarizeMethod),
    differences: allDifferences(
      new Map<MethodName, CellResult[]>([
        ["supervised", base],
        ["aua", better],
      ]),
    ),
    cells: [...base, ...better],
  };

  it("show spreads, empties and what diverged", () => {
    const { rows } = mainTable(comparison);
    expect(rows).toEqual([
      [
        "supervised",
        "2",
        "left",
        "52.50 ± 24.75",
        "26.25 ± 12.37",
        "4.50 ± 2.12",
        "2.25 ± 1.06",
        "1 of 4",
        "10",
        "2.5",
      ],
      ["aua", "1 (1 of 2 diverged)", "left", "85.00", "42.50", "1.50", "0.75", "0 of 2", "10", "2.0"],
      ["ua-mt", "0 (1 of 1 diverged)", "–", "–", "–", "–", "–", "–", "10", "2.0"],
    ]);
    const text = comparisonMarkdown(comparison);
    expect(text).toContain("aua, seed 1 diverged: the loss was not finite");
    expect(text).toMatch(/\| aua +\| supervised \| left +\| \+15\.00 \[\+0\.00, \+30\.00\] +\| 2 +\| 1 /);
  });

  it("as CSV have a row for each case, and one for a cell without scores", () => {
    const lines = comparisonCsv(comparison).trim().split("\n");
    expect(lines[0]).toBe("method,seed,status,case,class,dice,jaccard,hd95_mm,asd_mm");
    expect(lines[4]).toBe("supervised,1,finished,b,left,0,0,,");
    expect(lines[7]).toBe("aua,1,diverged,,,,,,");
    expect(lines).toHaveLength(8);
  });
});
