import { useEffect, useState } from "preact/hooks";
import type { RunSummary, ValidationCase, ValidationPoint } from "../../src/viewer/api.js";
import { Player } from "./player.js";

/** What the networks of a run make of a few fixed cases, at a chosen iteration; follows the newest until one is chosen. */
export function ValidationStrip({ run, points }: { run: RunSummary; points: readonly ValidationPoint[] }) {
  const [chosen, choose] = useState<number | null>(null);
  const [playing, play] = useState(false);
  const last = points.length - 1;
  const index = Math.min(chosen ?? last, last);
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => choose((before) => ((before ?? last) + 1) % (last + 1)), 500);
    return () => clearInterval(timer);
  }, [playing, last]);
  const point = points[index];
  if (!point) return null;
  return (
    <section class="validation">
      <h2>
        {run.name}: fixed cases
        <span class="soft">
          {point.stage}, iteration {point.iteration}
        </span>
      </h2>
      <Player
        playing={playing}
        toggle={() => play(!playing)}
        index={index}
        last={last}
        show={choose}
        label="iteration"
      >
        <button type="button" aria-pressed={chosen === null} onClick={() => choose(null)}>
          newest
        </button>
      </Player>
      <div class="fixed-cases">
        {point.cases.map((one) => (
          <FixedCase key={one.id} run={run} one={one} />
        ))}
      </div>
    </section>
  );
}

function FixedCase({ run, one }: { run: RunSummary; one: ValidationCase }) {
  return (
    <figure>
      <figcaption>
        <b>{one.id}</b> <span class="soft">{one.split}</span>
      </figcaption>
      <div class="pictures">
        {Object.entries(one.pictures).map(([network, file]) => (
          <figure key={network}>
            <img
              src={`files/run/${encodeURIComponent(run.id)}/validation/${encodeURIComponent(file)}`}
              alt={`${network} on ${one.id}`}
            />
            <figcaption>
              {network}
              {one.dice?.[network] !== undefined && <b> {(100 * one.dice[network]).toFixed(1)}</b>}
            </figcaption>
          </figure>
        ))}
      </div>
    </figure>
  );
}
