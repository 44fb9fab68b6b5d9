import { expect, it } from "vitest";
import { lineChart } from "./chart.js";
import { dotPlot } from "./dots.js";
import { figureAsFile, figureInPage } from "./figure.js";

it("is a whole SVG file: the picture, its style, and a legend below", () => {
  const points = [
    [1, 2],
    [2, 1],
  ] as const;
  const chart = lineChart({
    title: "loss",
    series: [
      { name: "a <b>", points },
      { name: "c", points, style: 4 },
    ],
  });
  const file = figureAsFile(chart)!;
  expect(file).toMatch(
    /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 640 324" width="640" height="324"/,
  );
  expect(file).toContain("<style>");
  expect(file).toContain('role="img" aria-label="loss"');
  expect(file.match(/class="line s0"/g)).toHaveLength(2); // the line and its key
  expect(file.match(/class="line s4"/g)).toHaveLength(2);
  expect(file).toContain(">a &lt;b&gt;</text>");
  expect(file.match(/<svg/g)).toHaveLength(1);
});

it("says so when there is nothing to draw", () => {
  const none = dotPlot({ title: "Dice", rows: [{ name: "a", values: [] }], xLabel: "Dice %" });
  expect(figureAsFile(none)).toBeNull();
  expect(figureInPage(none).markup).toContain("No values to draw.");
});
