import { describe, expect, it } from "vitest";
import { axisOver, tickLabel } from "./axis.js";
import { lineChart, type Series } from "./chart.js";
import { figureInPage } from "./figure.js";

describe("axisOver", () => {
  it("puts round ticks around the values", () => {
    const { ticks, position } = axisOver(0.13, 0.98, "linear");
    expect(ticks.map((tick) => Number(tick.toFixed(9)))).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect([position(0), position(0.5), position(1)]).toEqual([0, 0.5, 1]);
  });

  it("puts powers of ten on a log axis, halves them evenly", () => {
    const { ticks, position } = axisOver(1e-4, 1, "log");
    expect(ticks.map(tickLabel)).toEqual(["1e-4", "0.001", "0.01", "0.1", "1"]);
    expect(position(1e-2)).toBeCloseTo(0.5, 12);
  });

  it("copes with one value, also zero", () => {
    expect(axisOver(3, 3, "linear").ticks.length).toBeGreaterThan(1);
    expect(axisOver(0, 0, "linear").position(0)).toBe(0);
    expect(axisOver(2, 2, "log").position(2)).toBe(0);
  });
});

describe("tickLabel", () => {
  it("is short", () =>
    expect([0, 6000, 0.05, 0.30000000000000004, 1e-7, 2e6].map(tickLabel)).toEqual([
      "0",
      "6,000",
      "0.05",
      "0.3",
      "1e-7",
      "2e6",
    ]));
});

describe("lineChart", () => {
  const draw = (...series: Series[]) => figureInPage(lineChart({ title: "loss <1>", series })).markup;

  it("draws a line from the lower left to the upper right", () => {
    const markup = draw({
      name: "a & b",
      points: [
        [0, 0],
        [10, 1],
      ],
    });
    expect(markup).toContain('d="M64 252L616 12"');
    expect(markup).toContain("a &amp; b");
    expect(markup).toContain("loss &lt;1&gt;");
  });

  it("leaves out what can't be drawn and says so", () => {
    const markup = draw({
      name: "a",
      points: [
        [0, 1],
        [1, Number.NaN],
        [2, 3],
      ],
    });
    expect(markup).toContain("1 of 3 values not drawn");
    expect(markup).not.toContain("NaN");
    expect(draw({ name: "a", points: [] })).toContain("No values");
  });

  it("turns logarithmic over a wide range, and averages many points under a band", () => {
    const points = Array.from({ length: 5000 }, (_, i) => [i, 10 ** (-i / 1000) * (1 + (i % 2))] as const);
    const markup = draw({ name: "a", points });
    expect(markup).toContain("logarithmic");
    expect(markup).toContain('class="band s0"');
    expect(markup.length).toBeLessThan(20_000);
  });
});
