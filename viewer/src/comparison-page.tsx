import { useState } from "preact/hooks";
import type { CellResult, Comparison, Metric, Spread } from "../../src/compare/comparison.js";
import type { Overview } from "../../src/viewer/api.js";
import { seriesColour } from "./colours.js";
import { hrefOf } from "./route.js";
import { useAnswer } from "./server.js";

const METRICS: readonly Metric[] = ["dice", "jaccard", "hd95", "asd"];
const isOverlap = (metric: Metric) => metric === "dice" || metric === "jaccard";
const shown = (metric: Metric, value: number) => (isOverlap(metric) ? 100 * value : value).toFixed(2);
const spreadText = (metric: Metric, spread: Spread | null) =>
  spread === null
    ? "–"
    : `${shown(metric, spread.mean)}${spread.deviation === null ? "" : ` ± ${shown(metric, spread.deviation)}`}`;

interface ComparisonPageProps {
  readonly overview: Overview;
  readonly id: string | null;
  readonly dark: boolean;
}

/** What `penumbra compare` found: the table, and each case as a dot that leads to it. */
export function ComparisonPage({ overview, id, dark }: ComparisonPageProps) {
  const place = overview.comparisons.find((one) => one.id === id) ?? overview.comparisons[0] ?? null;
  const { value: comparison, error } = useAnswer<Comparison>(
    place && `files/comparison/${encodeURIComponent(place.id)}/comparison.json`,
  );
  return (
    <main class="sheet">
      <h1>Comparison</h1>
      <div class="chips">
        {overview.comparisons.map((one) => (
          <a
            key={one.id}
            class="chip"
            aria-current={one.id === place?.id ? "true" : undefined}
            href={hrefOf("comparison", [one.id])}
          >
            {one.name}
          </a>
        ))}
      </div>
      {error && <p class="alarm">{error}</p>}
      {comparison && (
        <>
          <p class="soft">
            {comparison.labeled} labeled cases of {comparison.data}; {comparison.cells.length} of{" "}
            {comparison.planned} trainings done. Last checkpoints, test cases; mean ± standard deviation over
            seeds.
          </p>
          <Means comparison={comparison} />
          <h2>Dice of each case</h2>
          <Dots comparison={comparison} overview={overview} dark={dark} />
          <Differences comparison={comparison} />
        </>
      )}
    </main>
  );
}

function Means({ comparison: { methods, unit } }: { comparison: Comparison }) {
  const heading = (metric: Metric) =>
    ({ dice: "Dice %", jaccard: "Jaccard %", hd95: `95HD (${unit})`, asd: `ASD (${unit})` })[metric];
  return (
    <div class="scroll">
      <table class="numbers">
        <thead>
          <tr>
            <th>method</th>
            <th>class</th>
            {METRICS.map((metric) => (
              <th key={metric}>{heading(metric)}</th>
            ))}
            <th>seeds</th>
            <th>minutes</th>
          </tr>
        </thead>
        <tbody>
          {methods.flatMap(({ method, classes, seeds, diverged, minutes }) =>
            classes.map((row, i) => (
              <tr key={`${method} ${row.class}`}>
                <td>{i === 0 ? method : ""}</td>
                <td>{row.class}</td>
                {METRICS.map((metric) => (
                  <td key={metric}>{spreadText(metric, row[metric])}</td>
                ))}
                <td>{diverged > 0 ? `${seeds - diverged} (${diverged} diverged)` : seeds}</td>
                <td>{minutes.mean.toFixed(1)}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </div>
  );
}

const ROW = 46;
const WIDTH = 900;
const LEFT = 150;

/** Mean Dice over classes of each case of one training. */
function caseDice({ evaluation }: CellResult): { id: string; dice: number }[] {
  const rows = evaluation?.cases ?? [];
  return [...new Set(rows.map(({ id }) => id))].map((id) => {
    const values = rows.filter((row) => row.id === id).map(({ dice }) => dice);
    return { id, dice: values.reduce((sum, value) => sum + value, 0) / values.length };
  });
}

/** A row for each method, a dot for each case and seed; the pointer shows one case in all of them. */
function Dots({ comparison, overview, dark }: { comparison: Comparison; overview: Overview; dark: boolean }) {
  const [marked, mark] = useState<string | null>(null);
  const { methods, cells } = comparison;
  const lowest = Math.min(...cells.flatMap((cell) => caseDice(cell).map(({ dice }) => dice)), 1);
  const from = Math.max(0, Math.floor(10 * lowest - 0.2) / 10);
  const left = (dice: number) => LEFT + ((dice - from) / (1 - from)) * (WIDTH - LEFT - 20);
  const ticks = Array.from({ length: Math.round(10 * (1 - from)) + 1 }, (_, i) => from + i / 10);
  const height = ROW * methods.length + 30;
  return (
    <svg class="dots" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label="Dice of each case by method">
      {ticks.map((tick) => (
        <g key={tick}>
          <path d={`M${left(tick)} 0V${height - 24}`} />
          <text x={left(tick)} y={height - 8} text-anchor="middle">
            {Math.round(100 * tick)}
          </text>
        </g>
      ))}
      {methods.map(({ method }, row) => (
        <text key={method} class="name" x={0} y={row * ROW + ROW / 2 + 4}>
          {method}
        </text>
      ))}
      {cells.flatMap((cell) => {
        const row = methods.findIndex(({ method }) => method === cell.method);
        const run = overview.runs.find(({ dir }) => dir === cell.run);
        return caseDice(cell).map(({ id, dice }) => (
          <a
            key={`${cell.run} ${id}`}
            href={run ? hrefOf("cases", [run.id], { case: id }) : undefined}
            onMouseEnter={() => mark(id)}
            onMouseLeave={() => mark(null)}
            onFocus={() => mark(id)}
            onBlur={() => mark(null)}
          >
            <circle
              cx={left(dice)}
              cy={row * ROW + ROW / 2 + 7 * ((cell.seed % 5) - 1)}
              r={marked === id ? 7 : 4.5}
              fill={seriesColour(cell.seed, dark)}
              fill-opacity={marked === null || marked === id ? 0.8 : 0.2}
            >
              <title>{`${id}, seed ${cell.seed}: Dice ${(100 * dice).toFixed(1)}`}</title>
            </circle>
          </a>
        ));
      })}
    </svg>
  );
}

function Differences({ comparison: { differences } }: { comparison: Comparison }) {
  const dice = differences.filter(
    ({ metric, class: name }) =>
      metric === "dice" && (name === "all" || differences.every((one) => one.class !== "all")),
  );
  if (dice.length === 0) return null;
  const signed = (value: number) => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(2)}`;
  return (
    <section>
      <h2>Paired differences of Dice</h2>
      <div class="scroll">
        <table class="numbers">
          <thead>
            <tr>
              <th>method</th>
              <th>against</th>
              <th>mean difference</th>
              <th>bootstrap interval</th>
              <th>cases</th>
            </tr>
          </thead>
          <tbody>
            {dice.map((one) => (
              <tr key={`${one.method} ${one.against} ${one.class}`}>
                <td>{one.method}</td>
                <td>{one.against}</td>
                <td>{signed(one.mean)}</td>
                <td>
                  {signed(one.low)} to {signed(one.high)}
                </td>
                <td>{one.cases}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
