import { useMemo, useState } from "preact/hooks";
import type { LogPoint, Overview, RunDetail, RunSummary } from "../../src/viewer/api.js";
import { Chart, type Line, type Part } from "./chart.js";
import { DASHES, seriesColour } from "./colours.js";
import { hrefOf, replaceRoute } from "./route.js";
import { type Feed, useFeed } from "./run-feed.js";
import { useAnswer } from "./server.js";
import { ValidationStrip } from "./validation-strip.js";

interface TrainingPageProps {
  readonly overview: Overview;
  readonly selected: readonly string[];
  readonly dark: boolean;
}

export function TrainingPage({ overview, selected, dark }: TrainingPageProps) {
  const shown = useMemo(
    () => overview.runs.filter(({ id }) => selected.includes(id)),
    [overview.runs, selected.join("\n")],
  );
  const feed = useFeed(shown.map(({ id }) => id));
  const [smooth, setSmooth] = useState(true);
  const [longest] = [...shown].sort((a, b) => b.iterations.total - a.iterations.total);
  const { value: detail } = useAnswer<RunDetail>(
    longest ? `api/runs/${encodeURIComponent(longest.id)}` : null,
  );
  const toggle = (id: string) => {
    const next = selected.includes(id) ? selected.filter((one) => one !== id) : [...selected, id];
    replaceRoute(hrefOf("training", [], { run: next }));
  };
  return (
    <main class="wide">
      <div class="chips" role="group" aria-label="runs">
        {overview.runs.map((run) => (
          <RunChip
            key={run.id}
            run={run}
            index={shown.indexOf(run)}
            dark={dark}
            toggle={() => toggle(run.id)}
            feed={feed}
          />
        ))}
        <label class="push">
          <input type="checkbox" checked={smooth} onChange={() => setSmooth(!smooth)} /> smooth
        </label>
        <span class={`live ${feed.state}`}>
          {feed.state === "lost" ? "lost: open the address that penumbra view printed last" : feed.state}
        </span>
      </div>
      {shown.length === 0 ? (
        <p class="empty">Choose a run above.</p>
      ) : (
        <Curves
          shown={shown}
          feed={feed}
          dark={dark}
          smooth={smooth}
          stages={shown.length > 0 ? detail : null}
        />
      )}
      {shown.map((run) => (
        <ValidationStrip key={run.id} run={run} points={feed.runs.get(run.id)?.validation ?? []} />
      ))}
      {detail && <Facts detail={detail} />}
    </main>
  );
}

interface RunChipProps {
  readonly run: RunSummary;
  readonly index: number;
  readonly dark: boolean;
  readonly toggle: () => void;
  readonly feed: Feed;
}

function RunChip({ run, index, dark, toggle, feed }: RunChipProps) {
  const on = index >= 0;
  const last = feed.runs.get(run.id)?.log.at(-1);
  const done = last?.total ?? run.iterations.done;
  return (
    <button type="button" class="chip" aria-pressed={on} onClick={toggle}>
      <svg viewBox="0 0 28 8" aria-hidden="true">
        <path
          d="M1 4H27"
          stroke={on ? seriesColour(index, dark) : "currentColor"}
          stroke-width="2.5"
          stroke-dasharray={DASHES[Math.max(0, index) % DASHES.length]!.join(" ")}
        />
      </svg>
      {run.name}
      <small>
        {done}/{run.iterations.total}
        {last && run.state === "running" ? ` · ${last.stage}` : ""}
      </small>
    </button>
  );
}

type Pick = (point: LogPoint) => number | null | undefined;

function linesFor(shown: readonly RunSummary[], feed: Feed, pick: Pick): Line[] {
  return shown.flatMap(({ id, name }, style): Line[] => {
    const log = feed.runs.get(id)?.log ?? [];
    const has = log.filter((point) => pick(point) !== undefined);
    if (has.length === 0) return [];
    return [{ name, style, xs: has.map(({ total }) => total), ys: has.map((point) => pick(point) ?? null) }];
  });
}

/** Names in the order they first come. */
const namesIn = (shown: readonly RunSummary[], feed: Feed, key: "terms" | "weights"): string[] => [
  ...new Set(
    shown.flatMap(({ id }) => (feed.runs.get(id)?.log ?? []).flatMap((point) => Object.keys(point[key]))),
  ),
];

interface CurvesProps {
  readonly shown: readonly RunSummary[];
  readonly feed: Feed;
  readonly dark: boolean;
  readonly smooth: boolean;
  readonly stages: RunDetail | null;
}

function Curves({ shown, feed, dark, smooth, stages }: CurvesProps) {
  const charts = useMemo(() => chartsOf(shown, feed), [shown, feed.version]);
  const parts = useMemo(() => partsOf(stages), [stages]);
  const longest = Math.max(...charts.flatMap(({ lines }) => lines.map(({ xs }) => xs.length)), 1);
  return (
    <div class="charts">
      {charts
        .filter(({ lines }) => lines.length > 0)
        .map(({ title, lines, plain }) => (
          <Chart
            key={title}
            title={title}
            lines={lines}
            parts={parts}
            dark={dark}
            smooth={smooth && !plain ? Math.max(1, Math.round(longest / 40)) : 1}
            markers={title === VALIDATION}
          />
        ))}
    </div>
  );
}

const VALIDATION = "Dice on fixed cases";

interface Drawn {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Never smoothed. */
  readonly plain?: true;
}

function chartsOf(shown: readonly RunSummary[], feed: Feed): Drawn[] {
  const terms = namesIn(shown, feed, "terms").map(
    (name): Drawn => ({ title: name, lines: linesFor(shown, feed, ({ terms }) => terms[name]) }),
  );
  const weights = namesIn(shown, feed, "weights")
    .map(
      (name): Drawn => ({
        title: `weight of ${name}`,
        lines: linesFor(shown, feed, ({ weights }) => weights[name]),
        plain: true,
      }),
    )
    .filter(({ lines }) => lines.some(({ ys }) => ys.some((y) => y !== ys[0])));
  return [
    {
      title: "loss",
      lines: linesFor(shown, feed, ({ loss, terms }) => (Object.keys(terms).length > 0 ? loss : null)),
    },
    ...(terms.length > 1 ? terms : []),
    { title: VALIDATION, lines: validationLines(shown, feed), plain: true },
    ...weights,
    { title: "learning rate", lines: linesFor(shown, feed, ({ learningRate }) => learningRate), plain: true },
    {
      title: "s / iteration",
      lines: linesFor(shown, feed, ({ secondsPerIteration }) => secondsPerIteration),
    },
  ];
}

/** Mean Dice of each network over the fixed cases that have a label. */
function validationLines(shown: readonly RunSummary[], feed: Feed): Line[] {
  return shown.flatMap(({ id, name }, run) => {
    const points = feed.runs.get(id)?.validation ?? [];
    const networks = [
      ...new Set(points.flatMap(({ cases }) => cases.flatMap(({ dice }) => Object.keys(dice ?? {})))),
    ];
    return networks.map((network, i): Line => {
      const ys = points.map(({ cases }) => {
        const values = cases.flatMap(({ dice }) => dice?.[network] ?? []);
        return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
      });
      const style = shown.length === 1 ? { style: i } : { style: run, dash: i };
      return {
        name: `${name}, ${network}`,
        tag: network,
        ...style,
        xs: points.map(({ total }) => total),
        ys,
      };
    });
  });
}

function partsOf(detail: RunDetail | null): Part[] {
  let from = 0;
  return (detail?.stages ?? []).map(({ name, iterations }) => {
    const part = { name, from };
    from += iterations;
    return part;
  });
}

function Facts({ detail }: { detail: RunDetail }) {
  return (
    <section>
      <h2>{detail.name}</h2>
      <dl class="facts">
        {Object.entries(detail.facts).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p>
        {detail.reports.map((report) => (
          <a
            key={report}
            class="button"
            href={`files/run/${encodeURIComponent(detail.id)}/${report}/report.html`}
          >
            {report.replace("-", " of ")} cases: report
          </a>
        ))}
      </p>
    </section>
  );
}
