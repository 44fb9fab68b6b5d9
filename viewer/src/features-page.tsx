import { useEffect, useMemo, useState } from "preact/hooks";
import type { FeatureSample, Overview, RunSummary, ValidationPoint } from "../../src/viewer/api.js";
import { seriesColour } from "./colours.js";
import { Player } from "./player.js";
import { project } from "./projection.js";
import { RunChips } from "./run-chips.js";
import { useFeed } from "./run-feed.js";
import { Scatter } from "./scatter.js";
import { ask } from "./server.js";

const MOST_LOOKS = 24;
const BIG = 640;
const SMALL = 148;
const BEAT_MS = 700;

interface FeaturesPageProps {
  readonly run: RunSummary;
  readonly overview: Overview;
  readonly dark: boolean;
}

/** Features near boundaries on a plane, over the iterations: what the contrast of a method shapes. */
export function FeaturesPage({ run, overview, dark }: FeaturesPageProps) {
  const feed = useFeed([run.id]);
  const points = (feed.runs.get(run.id)?.validation ?? []).filter(({ features }) => features !== null);
  const stages = [...new Set(points.map(({ stage }) => stage))];
  const [chosenStage, chooseStage] = useState<string | null>(null);
  const stage = chosenStage ?? stages.at(-1) ?? null;
  const ofStage = points.filter((point) => point.stage === stage);
  const samples = useSamples(run.id, ofStage);
  const projection = useMemo(() => project(samples), [samples]);
  const [at, setAt] = useState<number | null>(null);
  const [playing, play] = useState(false);
  const last = samples.length - 1;
  const index = Math.min(at ?? last, last);
  useEffect(() => setAt(null), [stage]);
  useEffect(() => {
    if (!playing || last < 1) return;
    const timer = setInterval(() => setAt((before) => ((before ?? last) + 1) % (last + 1)), BEAT_MS);
    return () => clearInterval(timer);
  }, [playing, last]);
  const shown = samples[index];
  return (
    <main class="sheet">
      <h1>Features near boundaries</h1>
      <RunChips overview={overview} page="features" run={run.id}>
        <span class="push tabs">
          {stages.map((name) => (
            <button key={name} type="button" aria-pressed={name === stage} onClick={() => chooseStage(name)}>
              {name}
            </button>
          ))}
        </span>
      </RunChips>
      {points.length === 0 && (
        <p class="empty">
          This run has no features yet: they are taken every validation.every iterations and at the end of
          each stage.
        </p>
      )}
      {shown && projection && (
        <>
          <div class="scatter">
            <Scatter
              dots={projection.dots.get(shown) ?? []}
              frame={projection.frame}
              size={BIG}
              dark={dark}
            />
            <Legend run={run} sample={shown} explained={projection.explained} dark={dark} />
          </div>
          <Player
            playing={playing}
            toggle={() => play(!playing)}
            index={index}
            last={last}
            show={setAt}
            label="iteration"
          >
            <output>iteration {shown.total}</output>
          </Player>
          <div class="multiples">
            {samples.map((sample, i) => (
              <button key={sample.total} type="button" aria-pressed={i === index} onClick={() => setAt(i)}>
                <Scatter
                  dots={projection.dots.get(sample) ?? []}
                  frame={projection.frame}
                  size={SMALL}
                  dark={dark}
                />
                {sample.total}
              </button>
            ))}
          </div>
        </>
      )}
    </main>
  );
}

interface LegendProps {
  readonly run: RunSummary;
  readonly sample: FeatureSample;
  readonly explained: readonly [number, number];
  readonly dark: boolean;
}

function Legend({ run, sample, explained, dark }: LegendProps) {
  const percent = (part: number) => `${(100 * part).toFixed(0)} %`;
  const space =
    sample.space === "projection"
      ? "the projection head's unit features, which stage 1 contrasts"
      : "the last embedding, which prototypes live in";
  return (
    <aside>
      <ul class="bare">
        {run.classNames.map((name, i) => (
          <li key={name}>
            <i class="dot" style={{ background: seriesColour(i, dark) }} /> {name}
          </li>
        ))}
      </ul>
      <ul class="bare soft">
        <li>● from a label</li>
        <li>○ from a pseudo label</li>
        {sample.prototypes && <li>◆ prototype of a class</li>}
      </ul>
      <p class="soft">
        Voxels near a boundary of fixed cases, in {space}. Both axes are principal components of all
        iterations shown together: {percent(explained[0])} (across) and {percent(explained[1])} (up) of the
        variance.
      </p>
    </aside>
  );
}

/** At most so many of the looks, first and last among them. */
function thinned(points: readonly ValidationPoint[]): ValidationPoint[] {
  if (points.length <= MOST_LOOKS) return [...points];
  return Array.from(
    { length: MOST_LOOKS },
    (_, i) => points[Math.round((i * (points.length - 1)) / (MOST_LOOKS - 1))]!,
  );
}

function useSamples(run: string, points: readonly ValidationPoint[]): readonly FeatureSample[] {
  const [samples, set] = useState<readonly FeatureSample[]>([]);
  const files = thinned(points).map(({ features }) => features!);
  const key = files.join("\n");
  useEffect(() => {
    let current = true;
    const load = (file: string) =>
      ask<FeatureSample>(`files/run/${encodeURIComponent(run)}/validation/${encodeURIComponent(file)}`);
    Promise.all(files.map(load)).then(
      (loaded) => current && set(loaded.filter(({ rows }) => rows.length > 0)),
      () => current && set([]),
    );
    return () => {
      current = false;
    };
  }, [run, key]);
  return samples;
}
