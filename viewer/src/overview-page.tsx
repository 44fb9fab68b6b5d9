import type { DataSummary, Overview, RunSummary } from "../../src/viewer/api.js";
import { hrefOf } from "./route.js";

export function OverviewPage({ overview }: { overview: Overview }) {
  const newest = [...overview.runs].sort((a, b) => b.created.localeCompare(a.created));
  return (
    <main class="sheet">
      <h1>{overview.root.split("/").at(-1)}</h1>
      <p class="soft path">{overview.root}</p>
      {overview.problems.map((problem) => (
        <p key={problem} class="alarm">
          {problem}
        </p>
      ))}
      {newest.length > 0 && (
        <section>
          <h2>
            Runs
            {newest.length > 1 && (
              <a
                class="button"
                href={hrefOf("training", [], { run: newest.map(({ id }) => id).slice(0, 7) })}
              >
                lay curves over each other
              </a>
            )}
          </h2>
          <div class="cards">
            {newest.map((run) => (
              <RunCard key={run.id} run={run} />
            ))}
          </div>
        </section>
      )}
      {overview.data.length > 0 && (
        <section>
          <h2>Data</h2>
          <div class="cards">
            {overview.data.map((data) => (
              <DataCard key={data.id} data={data} />
            ))}
          </div>
        </section>
      )}
    </main>
  );
}

function RunCard({ run }: { run: RunSummary }) {
  const { done, total } = run.iterations;
  const split =
    (["test", "unlabeled", "labeled"] as const).find((name) => run.dice[name] !== undefined) ?? "test";
  const dice = run.dice[split];
  return (
    <article class="card">
      <header>
        <h3>{run.name}</h3>
        <span class={`state ${run.state}`}>{run.state}</span>
      </header>
      <p class="soft">
        {run.method} · {run.labeled} labeled, {run.unlabeled} unlabeled · {run.classNames.slice(1).join(", ")}
      </p>
      <div class="progress" role="img" aria-label={`${done} of ${total} iterations`}>
        <div style={{ width: `${(100 * done) / Math.max(1, total)}%` }} />
      </div>
      <dl class="figures">
        <div>
          <dt>iterations</dt>
          <dd>
            {done}
            <small> / {total}</small>
          </dd>
        </div>
        <div>
          <dt>Dice, {split}</dt>
          <dd>{dice === undefined ? "–" : (100 * dice).toFixed(1)}</dd>
        </div>
      </dl>
      {run.problem && <p class="alarm">{run.problem}</p>}
      <footer>
        <a class="button" href={hrefOf("training", [], { run: [run.id] })}>
          curves
        </a>
        {run.data !== null && (
          <a class="button" href={hrefOf("cases", [run.id])}>
            cases
          </a>
        )}
        <a class="button" href={hrefOf("features", [run.id])}>
          features
        </a>
      </footer>
    </article>
  );
}

function DataCard({ data }: { data: DataSummary }) {
  const parts: [string, number][] = [
    ["labeled", data.labeled],
    ["unlabeled", data.unlabeled],
    ["test", data.test],
    ["corrected", data.corrected],
  ];
  return (
    <article class="card">
      <header>
        <h3>{data.name}</h3>
      </header>
      <p class="soft path">{data.dir}</p>
      <p class="soft">{data.classNames.slice(1).join(", ")}</p>
      <dl class="figures">
        {parts.map(([name, count]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
      <footer>
        <a class="button" href={hrefOf("data", [data.id])}>
          cases
        </a>
      </footer>
    </article>
  );
}
