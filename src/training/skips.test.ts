import { describe, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import type { IterationReport } from "./iteration.js";
import { countSkips, NO_SKIPS } from "./skips.js";

const report = (skipped: string | null) =>
  ({ skipped, stage: "stage1", iteration: 7, caseIds: ["a", "b"] }) as unknown as IterationReport;

describe("skips", () => {
  it("are counted in all and in a row", () => {
    const bad = report("loss term dice");
    let counts = NO_SKIPS;
    for (const next of [bad, bad, report(null), bad]) counts = countSkips(counts, next, 3);
    expect(counts).toEqual({ total: 3, inRow: 1 });
  });

  it("end a run when so many come in a row, with place, term and cases", () => {
    const say = () => countSkips({ total: 9, inRow: 2 }, report("loss term dice"), 3);
    expect(complaint(say)).toMatch(
      /^stage1, iteration 7: loss term dice not finite, and 3 steps in a row skipped for it, last with cases a, b; lower/,
    );
  });
});
