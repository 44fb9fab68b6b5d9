import { useEffect, useState } from "preact/hooks";
import type { CellResult, ClassSummary, Comparison, Metric, Spread } from "../../src/compare/comparison.js";
import type { Overview } from "../../src/viewer/api.js";
import { seriesColour } from "./colours.js";
import { hrefOf } from "./route.js";
import { useAnswer, useKept, useTicks } from "./server.js";

/** A comparison that is not finished grows by a training at a time. */
const LOOK_EVERY_MS = 10_000;
const METRICS: readonly Metric[] = ["dice", "jaccard", "hd95", "asd"];
/** As `compare` lays its runs out, wherever the comparison lies now; else where the run was then. */
const runOf = ({ method, seed, run }: CellResult, place: Place, { runs }: Overview) =>
  runs.find(({ dir }) => dir === `${place.dir}/runs/${method}/seed-${seed}`) ??
  runs.find(({ dir }) => dir === run);
type Place = Overview["comparisons"][number];
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
  const [growing, grow] = useState(true);
  const looks = useTicks(LOOK_EVERY_MS, growing);
  const { value, error } = useAnswer<Comparison>(
    place && `files/comparison/${encodeURIComponent(place.id)}/comparison.json`,
    looks,
  );
  const kept = useKept(value && place && { of: place.id, comparison: value });
  const comparison = kept?.of === place?.id ? (kept?.comparison ?? null) : null;
  useEffect(() => {
    grow(comparison === null || comparison.cells.length < comparison.planned);
  }, [comparison]);
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
      {comparison && place && (
        <>
          <p class="soft">
            {comparison.labeled} labeled cases of {comparison.data}; {comparison.cells.length} of{" "}
            {comparison.planned} trainings done. Last checkpoints, test cases; mean ± standard deviation over
            seeds.
          </p>
          <Means comparison={comparison} />
          <h2>Dice of each case</h2>
          <Seeds comparison={comparison} dark={dark} />
          <div class="scroll">
            <Dots comparison={comparison} place={place} overview={overview} dark={dark} />
          </div>
          <Differences comparison={comparison} />
        </>
      )}
    </main>
  );
}

/** Whether no method has a better mean of this class. */
function isBest(methods: Comparison["methods"], row: ClassSummary, metric: Metric): boolean {
  const own = row[metric]?.mean;
  // a method that misses distances would win by its failures
  const counts = ({ missing }: ClassSummary) => isOverlap(metric) || missing === 0;
  if (own === undefined || methods.length < 2 || !counts(row)) return false;
  const all = methods.flatMap(({ classes }) =>
    classes.filter((one) => one.class === row.class && counts(one)),
  );
  const means = all.flatMap((one) => one[metric]?.mean ?? []);
  return own === (isOverlap(metric) ? Math.max(...means) : Math.min(...means));
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
            <th title="rows without a distance, since prediction or reference is empty">no distance</th>
            <th>seeds</th>
            <th>minutes</th>
          </tr>
        </thead>
        <tbody>
          {methods.flatMap(({ method, classes, seeds, diverged, minutes }) => [
            ...classes.map((row, i) => (
              <tr key={`${method} ${row.class}`} class={i === 0 ? "first" : ""}>
                <td>{i === 0 ? method : ""}</td>
                <td>{row.class}</td>
                {METRICS.map((metric) => (
                  <td key={metric} class={isBest(methods, row, metric) ? "best" : ""}>
                    {spreadText(metric, row[metric])}
                  </td>
                ))}
                <td>{row.missing === 0 ? "" : `${row.missing} of ${row.rows}`}</td>
                <td>{diverged > 0 ? `${seeds - diverged} (${diverged} diverged)` : seeds}</td>
                <td>{minutes.mean.toFixed(1)}</td>
              </tr>
            )),
            classes.length === 0 && (
              <tr key={method} class="first">
                <td>{method}</td>
                <td colSpan={8} class="alarm">
                  every seed diverged
                </td>
              </tr>
            ),
          ])}
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

/** What the colours of the dots mean. */
function Seeds({ comparison: { cells }, dark }: { comparison: Comparison; dark: boolean }) {
  const seeds = [...new Set(cells.map(({ seed }) => seed))].sort((a, b) => a - b);
  return (
    <p class="legend">
      {seeds.map((seed, i) => (
        <span key={seed}>
          <i class="dot" style={{ background: seriesColour(i, dark) }} /> seed {seed}
        </span>
      ))}
      <span>
        <i class="tick" /> mean of all cases and seeds
      </span>
      <span>A dot is a case of one seed and leads to it; the pointer shows it in all rows.</span>
    </p>
  );
}

interface DotsProps {
  readonly comparison: Comparison;
  readonly place: Place;
  readonly overview: Overview;
  readonly dark: boolean;
}

/** A row for each method, a dot for each case and seed; the pointer shows one case in all of them. */
function Dots({ comparison, place, overview, dark }: DotsProps) {
  const [marked, mark] = useState<string | null>(null);
  const { methods, cells } = comparison;
  const lowest = Math.min(...cells.flatMap((cell) => caseDice(cell).map(({ dice }) => dice)), 1);
  const from = Math.max(0, Math.floor(10 * lowest - 0.2) / 10);
  const left = (dice: number) => LEFT + ((dice - from) / (1 - from)) * (WIDTH - LEFT - 20);
  const ticks = Array.from({ length: Math.round(10 * (1 - from)) + 1 }, (_, i) => from + i / 10);
  const height = ROW * methods.length + 48;
  const seeds = [...new Set(cells.map(({ seed }) => seed))].sort((a, b) => a - b);
  const apart = Math.min(9, (ROW - 16) / seeds.length);
  const rowOf = (cell: CellResult) => methods.findIndex(({ method }) => method === cell.method);
  const meanOf = (name: string) => {
    const values = cells
      .filter(({ method }) => method === name)
      .flatMap((cell) => caseDice(cell).map(({ dice }) => dice));
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return (
    <svg
      class="dots"
      viewBox={`0 0 ${WIDTH} ${height}`}
      role="group"
      aria-label="Dice of each case by method"
    >
      {ticks.map((tick) => (
        <g key={tick}>
          <path d={`M${left(tick)} 0V${height - 42}`} />
          <text x={left(tick)} y={height - 26} text-anchor="middle">
            {Math.round(100 * tick)}
          </text>
        </g>
      ))}
      <text x={left((1 + from) / 2)} y={height - 6} text-anchor="middle">
        Dice, %{comparison.methods.some(({ classes }) => classes.length > 1) ? ", mean of the classes" : ""}
      </text>
      {methods.map(({ method }, row) => {
        const mean = meanOf(method);
        return (
          <g key={method}>
            <text class="name" x={0} y={row * ROW + ROW / 2 + 4}>
              {method}
            </text>
            {mean !== null && <path class="mean" d={`M${left(mean)} ${row * ROW + 4}v${ROW - 8}`} />}
          </g>
        );
      })}
      {cells.flatMap((cell) => {
        const run = runOf(cell, place, overview);
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
              cy={rowOf(cell) * ROW + ROW / 2 + apart * (seeds.indexOf(cell.seed) - (seeds.length - 1) / 2)}
              r={marked === id ? 7 : 4.5}
              fill={seriesColour(seeds.indexOf(cell.seed), dark)}
              fill-opacity={marked === null || marked === id ? 0.8 : 0.2}
            >
              <title>{`${id}, ${cell.method}, seed ${cell.seed}: Dice ${(100 * dice).toFixed(1)}`}</title>
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
