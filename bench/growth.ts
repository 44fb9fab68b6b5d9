import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lineChart } from "#dist/report/chart.js";
import { figureAsFile } from "#dist/report/figure.js";
import type { StepFigures } from "./step.js";

/** What grows, and the option of `bench step` that makes it. Everything else stays at the smallest. */
const VARIATIONS = {
  voxels: ["32,48,48", "48,64,64", "64,80,80", "80,96,96", "80,112,112"].map((patch) => ["--patch", patch]),
  anchors: [500, 1000, 2250, 4500, 9000].map((n) => ["--anchors", String(n)]),
  samples: [2, 6, 10, 16].map((n) => ["--samples", String(n)]),
  classes: [2, 3, 5, 8].map((n) => ["--classes", String(n)]),
};
type Variation = keyof typeof VARIATIONS;
const BASE = ["--patch", "48,64,64", "--anchors", "2250", "--json"];

const sizeOf: Record<Variation, (figures: StepFigures) => number> = {
  voxels: ({ patch }) => patch.reduce((product, n) => product * n, 1),
  anchors: ({ anchors }) => anchors,
  samples: ({ samples }) => samples,
  classes: ({ classes }) => classes,
};

export interface Growth {
  readonly variation: Variation;
  readonly size: number;
  readonly seconds: number;
  readonly bareNetworkSeconds: number;
  readonly peakRssGb: number;
}

/** Stage-1 steps of growing size, each in a process of its own, and a picture of each growth in `out`. */
export function benchGrowth(out: string, repeats: number, onStep: (line: string) => void): Growth[] {
  mkdirSync(out, { recursive: true });
  const step = (args: readonly string[]): StepFigures => {
    const main = new URL("./main.js", import.meta.url).pathname;
    const json = execFileSync(
      process.execPath,
      [main, "step", ...BASE, "--repeats", String(repeats), ...args],
      { encoding: "utf8" },
    );
    return JSON.parse(json) as StepFigures;
  };
  return (Object.keys(VARIATIONS) as Variation[]).flatMap((variation) => {
    const rows = VARIATIONS[variation].map((args): Growth => {
      const figures = step(args);
      const { seconds, bareNetworkSeconds, peakRssGb } = figures;
      onStep(`${args.join(" ")}: ${seconds.toFixed(3)} s, ${peakRssGb.toFixed(2)} GB`);
      return { variation, size: sizeOf[variation](figures), seconds, bareNetworkSeconds, peakRssGb };
    });
    writeFileSync(join(out, `step-by-${variation}.svg`), picture(variation, rows));
    return rows;
  });
}

function picture(variation: Variation, rows: readonly Growth[]): string {
  const line = (name: string, value: (row: Growth) => number) => ({
    name,
    points: rows.map((row) => [row.size, value(row)] as const),
  });
  const chart = lineChart({
    title: `seconds per step by ${variation}`,
    series: [line("step", ({ seconds }) => seconds), line("bare network", (row) => row.bareNetworkSeconds)],
    valueAxis: "linear",
    xLabel: variation,
  });
  const file = figureAsFile(chart);
  if (file === null) throw new Error(`no values of ${variation} to draw`);
  return file;
}
