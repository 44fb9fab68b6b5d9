import { dotPlot } from "../report/dots.js";
import { type Figure, figureAsFile, figureInPage } from "../report/figure.js";
import { type Html, html } from "../report/html.js";
import { renderPage } from "../report/page.js";
import type { Config } from "../training/config.js";
import { methodEntry } from "../training/method-catalog.js";
import { packageVersion } from "../version.js";
import { RESAMPLES } from "./bootstrap.js";
import { ALL, type CellResult, type Comparison, type Metric } from "./comparison.js";
import { mainTable, shownDifference, tableNotes } from "./comparison-table.js";
import { type Curve, renderCurves } from "./curves.js";
import { caseValues, classesOf } from "./summary.js";

/** The comparison as one HTML file: tables, dots of every case and method, differences, loss terms, and every cell. */
export function renderComparison(comparison: Comparison, config: Config, curves: readonly Curve[]): string {
  const { headings, rows } = mainTable(comparison);
  const body = html`<h2>Scores</h2>${table(headings, rows, 3)}
<h2>Every case</h2>${pictures(comparison)}
<h2>Differences</h2><p class="soft">Means of the differences on the same cases and where 95 % of ${RESAMPLES.toLocaleString("en-US")} resamplings of the cases put them. The seeds that both finished are averaged first, so the interval does not hold their spread.</p>
${differenceTable(comparison)}
<h2>Loss terms</h2><p class="soft">Before their weights, means over seeds, by iterations over all stages.</p>
<div class="charts">${renderCurves(curves)}</div>
<h2>Runs</h2>${runTable(comparison.cells)}`;
  return renderPage(
    { title: "Methods compared", facts: factsOf(comparison, config), notes: notesOf(comparison) },
    body,
  );
}

function table(headings: readonly string[], rows: readonly (readonly string[])[], texts: number): Html {
  const kind = (i: number) => (i < texts ? "text" : "");
  return html`<div class="scroll"><table><thead><tr>${headings.map((heading, i) => html`<th class="${kind(i)}">${heading}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, i) => html`<td class="${kind(i)}">${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

const factsOf = ({ data, labeled, methods, cells }: Comparison, config: Config) => ({
  data,
  "labels used": `${labeled} cases`,
  "scored on": `${new Set(cells.flatMap(({ evaluation }) => evaluation?.cases.map(({ id }) => id) ?? [])).size} test cases`,
  seeds: [...new Set(methods.map(({ seeds }) => seeds))].join(" or "),
  "schedule scale": String(config.schedule.scale),
  "patch (D, H, W)": config.data.patchSize.join(" x "),
  "batch without unlabeled": `${config.data.labeledPerBatch + config.data.unlabeledPerBatch} labeled`,
  "batch with unlabeled": `${config.data.labeledPerBatch} labeled, ${config.data.unlabeledPerBatch} unlabeled`,
  penumbra: packageVersion(),
});

function notesOf(comparison: Comparison): string[] {
  const { methods, cells } = comparison;
  const diverged = cells.filter((cell) => cell.diverged !== null);
  const inParts = cells.filter(({ parts }) => parts > 1);
  return [
    ...tableNotes(comparison),
    "Each run is scored with its last checkpoint; neither seed nor checkpoint is chosen. ± is the standard deviation over seeds.",
    "Dice and Jaccard of an empty prediction are 0, or 1 where the reference is empty too.",
    ...(inParts.length > 0
      ? [
          `Batches of ${inParts.map(({ method, seed, parts }) => `${method}, seed ${seed} (${parts})`).join(", ")} were worked off in parts for lack of memory, each with losses and statistics for batch normalization of its own.`,
        ]
      : []),
    ...diverged.map(({ method, seed, diverged: why }) => `${method}, seed ${seed} diverged: ${why}`),
    ...methods.map(
      ({ method }) => `${method}: ${methodEntry(method).summary}. ${methodEntry(method).citation}.`,
    ),
  ];
}

const PICTURES: readonly { metric: Metric; label: (unit: string) => string; factor: number }[] = [
  { metric: "dice", label: () => "Dice %", factor: 100 },
  { metric: "hd95", label: (unit) => `95HD (${unit})`, factor: 1 },
];

const pictures = (comparison: Comparison): Html[] =>
  PICTURES.flatMap((picture) =>
    classesOf(comparison.cells).map((name) => figureInPage(dotsOf(comparison, picture, name))),
  );

/** Dice over all classes, a dot a case, as an SVG file; null before anything is scored. */
export function comparisonPicture(comparison: Comparison): string | null {
  return figureAsFile(dotsOf(comparison, PICTURES[0]!, ALL));
}

function dotsOf(
  { cells, methods, unit }: Comparison,
  { metric, label, factor }: (typeof PICTURES)[number],
  name: string,
): Figure {
  const rows = methods.map(({ method }) => ({
    name: method,
    values: [
      ...caseValues(
        cells.filter((cell) => cell.method === method),
        name,
        metric,
      ),
    ].map(([id, { value }]) => ({ name: id, value: value === null ? null : factor * value })),
  }));
  const title = `${name === ALL ? "all classes" : name}: ${label(unit)}, a dot a case (mean over seeds), a bar the mean`;
  return dotPlot({ title, rows, xLabel: label(unit) });
}

function differenceTable({ differences }: Comparison): Html {
  const pairs = new Map<string, Comparison["differences"][number][]>();
  for (const one of differences) {
    const key = [one.method, one.against, one.class].join("\n");
    pairs.set(key, [...(pairs.get(key) ?? []), one]);
  }
  const rows = [...pairs.values()].map((found) => {
    const cell = (metric: Metric) => {
      const one = found.find((difference) => difference.metric === metric);
      return one ? `${shownDifference(one)}${one.leftOut > 0 ? ` (${one.cases} cases)` : ""}` : "–";
    };
    const { method, against, class: name } = found[0]!;
    const seeds = String(found[0]!.seeds);
    return [method, against, name, seeds, cell("dice"), cell("jaccard"), cell("hd95"), cell("asd")];
  });
  const headings = ["method", "against", "class", "seeds", "Dice points", "Jaccard points", "95HD", "ASD"];
  return table(headings, rows, 3);
}

function runTable(cells: readonly CellResult[]): Html {
  const rows = cells.map(({ method, seed, evaluation, diverged, steps, labeledPatches, minutes, run }) => [
    method,
    String(seed),
    diverged === null ? "finished" : "diverged",
    run,
    evaluation ? (100 * evaluation.mean.dice).toFixed(2) : "–",
    String(steps),
    String(labeledPatches),
    minutes.toFixed(1),
  ]);
  return table(["method", "seed", "status", "run", "Dice %", "steps", "labeled patches", "minutes"], rows, 4);
}
