import { describe, expect, it } from "vitest";
import type { CaseScore } from "../metrics/score.js";
import { pickShown } from "./shown.js";

const rows = (scores: Record<string, number[]>): { cases: CaseScore[] } => ({
  cases: Object.entries(scores).flatMap(([id, values]) =>
    values.map((dice, i) => ({ id, class: `class ${i}`, dice, jaccard: 0, hd95: null, asd: null })),
  ),
});

describe("pickShown", () => {
  it("ranks by mean Dice over classes", () => {
    const picked = pickShown(rows({ a: [0.2, 0.4], b: [1, 0.8], c: [0.9, 0.1], d: [0, 0], e: [0.6, 0.6] }));
    expect(picked).toEqual([
      { why: "best", id: "b" },
      { why: "median", id: "c" },
      { why: "worst", id: "d" },
    ]);
  });

  it("never shows a case twice", () => {
    expect(pickShown(rows({ a: [0.5] }))).toEqual([{ why: "best", id: "a" }]);
    expect(pickShown(rows({ a: [0.5], b: [0.6] })).map(({ why, id }) => why + id)).toEqual([
      "bestb",
      "worsta",
    ]);
    expect(pickShown({ cases: [] })).toEqual([]);
  });
});
